/** Says what the whole process took, its start included. */
process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  const wallMs = Math.round(performance.now());
  console.log(`took ${Math.round((user + system) / 1000)} ms of ${wallMs}`);
});
