await import("sluice/testing");
await import("sluice/testing/fast-check").catch(({ message }: Error) => {
  console.log(message);
});
