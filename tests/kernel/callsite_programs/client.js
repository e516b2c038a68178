// Opens a connection each time it is told to. The port is the first argument.
const net = require('net');
const readline = require('readline');

const held = [];

function fetch(port) {
  held.push(net.connect(port, '127.0.0.1', () => console.log('done')));
}

console.log('ready');
readline.createInterface({ input: process.stdin }).on('line', () => fetch(Number(process.argv[2])));
