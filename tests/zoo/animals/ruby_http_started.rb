# Leaks: Net::HTTP.start without a block, which would have finished it: PORT RATE.
require 'net/http'

sessions = []
loop do
  sessions << Net::HTTP.start('127.0.0.1', ARGV[0].to_i)
  sessions.last.get('/')
  sleep(1 / ARGV[1].to_f)
end
