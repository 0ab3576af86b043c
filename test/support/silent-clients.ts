import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { argv } from "node:process";

/**
 * A process with a number of open connections, which says so to its parent and
 * is then stopped by it. Arguments: port, count, path.
 */
const [, , port, count, path] = argv;
const request = `GET ${path} HTTP/1.1\r\nHost: sluice.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
const sockets: Socket[] = [];
for (let i = 0; i < Number(count); i++) {
  const socket = connect(Number(port), "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  socket.write(request);
  await once(socket, "data");
}
process.send?.("open");
