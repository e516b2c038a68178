// Leaks: takes the headers of a large answer and never reads its body, so that the connection never comes free: PORT RATE.
const http = require('http');

const kept = [];
setInterval(() => {
  http.get({ host: '127.0.0.1', port: process.argv[2] }, (response) => kept.push(response)).on('error', () => {});
}, 1000 / process.argv[3]);
