// Healthy: long-lived connections as of web sockets, ever more of them for a while, each with a ping now and then: PORT COUNT.
const net = require('net');

let open = 0;
const more = setInterval(() => {
  const socket = net.connect(process.argv[2], '127.0.0.1');
  socket.on('data', () => {});
  setInterval(() => socket.write('ping\n'), 2000);
  if (++open >= process.argv[3]) clearInterval(more);
}, 600);
