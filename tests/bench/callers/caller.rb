# caller.rb DEPTH: for each number read, opens so many connections from DEPTH calls deep; prints the CPU seconds it took.
require 'socket'

LISTENER = Socket.new(:INET, :STREAM)
LISTENER.bind(Addrinfo.tcp('127.0.0.1', 0))
LISTENER.listen(16)
ADDRESS = LISTENER.local_address
RESET = [1, 0].pack('ii')

def cpu_seconds
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
end

def connect
  client = Socket.new(:INET, :STREAM)
  client.connect(ADDRESS)
  server, = LISTENER.accept
  client.setsockopt(:SOCKET, :LINGER, RESET)
  client.close
  server.close
end

def deep(levels, count)
  return deep(levels - 1, count) if levels > 1

  count.times { connect }
end

$stdout.sync = true
puts 'ready'
while (line = $stdin.gets)
  start = cpu_seconds
  deep(ARGV[0].to_i, line.to_i)
  puts cpu_seconds - start
end
