# Dalli: the binary protocol, which it speaks by default up to version 4, or the meta protocol where it can.
require "dalli"

where, protocol = ARGV
if protocol == "meta" && Gem::Version.new(Dalli::VERSION) < Gem::Version.new("3.2")
  warn "dalli #{Dalli::VERSION} does not speak the meta protocol"
  exit 3
end
options = { socket_timeout: 10 }
options[:protocol] = :meta if protocol == "meta"
client = Dalli::Client.new(where, options)

def check(what, holds)
  raise "#{what} does not hold" unless holds
end

client.flush
check "set", client.set("a", "1")
check "get", client.get("a") == "1"
check "a miss", client.get("missing").nil?
check "add of what is there", !client.add("a", "2")
check "replace", client.replace("a", "3")
check "append", client.set("raw", "b", nil, raw: true) && client.append("raw", "c") && client.prepend("raw", "a")
check "get of raw", client.get("raw", raw: true) == "abc"
check "cas", client.cas("a") { |value| value + "4" }
check "what cas has stored", client.get("a") == "34"
check "cas of what is missing", client.cas("missing") { |_| raise "called" }.nil?
check "a new counter", client.incr("n", 5, nil, 10) == 10
check "incr", client.incr("n", 5) == 15
check "decr", client.decr("n", 100) == 0
check "a missing counter", client.incr("none", 1).nil?
client.multi { 200.times { |n| client.set("k#{n}", "v#{n}") } }
found = client.get_multi((0...200).map { |n| "k#{n}" } + ["missing"])
check "get_multi", found == (0...200).to_h { |n| ["k#{n}", "v#{n}"] }
[0, 1, 16_385, 500_000].each do |size|
  value = "x" * size
  client.set("size", value, nil, raw: true)
  check "a value of #{size} bytes", client.get("size", raw: true) == value
end
check "touch", client.touch("a", 100) && client.gat("a", 100) == "34"
client.set("short", "x", 1)
deadline = Time.now + 10
until client.get("short").nil?
  raise "what has ended is still there" if Time.now > deadline
  sleep 0.1
end
stats = client.stats.values.first
check "stats", stats["curr_items"].to_i > 0 && stats["version"].start_with?("1.6.")
check "version", client.version.values.first.start_with?("1.6.")
check "delete", client.delete("a")
client.flush
check "flush", client.get("n").nil?
client.close
