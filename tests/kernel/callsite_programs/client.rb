# Opens connections from a thread, and from fibers deep in blocks, each time it is told to. The port is the first argument.
require 'socket'

HELD = []

class Director
  def perform_request(port)
    HELD << TCPSocket.new('127.0.0.1', port) # THE LINE
  end

  def deep(port, levels)
    return perform_request(port) if levels.zero?

    [levels].each { |level| deep(port, level - 1) }
  end
end

def in_fiber(port)
  Fiber.new { Director.new.deep(port, 12) }.resume
end

$stdout.puts 'ready'
$stdout.flush
while $stdin.gets
  port = ARGV[0].to_i
  Thread.new { Fiber.new { in_fiber(port) }.resume }.join
  $stdout.puts 'done'
  $stdout.flush
end
