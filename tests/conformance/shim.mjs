/**
 * A TCP port in front of the package: `node shim.mjs PORT [PARAMETER VALUE]…`. One engine for the process, one of its
 * sessions for each socket.
 */
import { createServer } from "node:net";
import { Duplex } from "node:stream";
import { Redlet } from "../../target/npm/dist/scripting-inline.mjs";

const [port, ...parameters] = process.argv.slice(2);
const config = {};
while (parameters.length > 0) config[parameters.shift()] = parameters.shift();
const db = await Redlet.open({ config });

createServer({ noDelay: true }, (socket) => {
  const connection = Duplex.fromWeb(db.connection());
  socket.pipe(connection).pipe(socket);
  // Whichever end goes first takes the other with it; a client that is gone is no error here.
  socket.on("error", () => connection.destroy()).on("close", () => connection.destroy());
  connection.on("error", () => socket.destroy()).on("close", () => socket.destroySoon());
}).listen(Number(port), "127.0.0.1");
