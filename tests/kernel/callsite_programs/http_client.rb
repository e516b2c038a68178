# What a program does with async-http that opens a client for each request and closes none. The port is the first argument.
require 'async'
require_relative 'http_director'

$stdout.puts 'ready'
$stdout.flush
while $stdin.gets
  Async do |task|
    director = Director.new("http://127.0.0.1:#{ARGV[0]}")
    task.async { |inner| inner.async { director.agents(12) }.wait }.wait
  end
  $stdout.puts 'done'
  $stdout.flush
end
