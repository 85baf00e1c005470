<?php
// php-memcached (libmemcached) in the protocol that the second argument names.
[, $where, $protocol] = $argv;
$colon = strrpos($where, ":");

function check($what, $holds) {
    if (!$holds) {
        fwrite(STDERR, "$what does not hold\n");
        exit(1);
    }
}

$client = new Memcached();
$client->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol == "binary");
$client->setOption(Memcached::OPT_TCP_NODELAY, true);
$client->setOption(Memcached::OPT_COMPRESSION, false);
$client->addServer(substr($where, 0, $colon), (int)substr($where, $colon + 1));
check("flush", $client->flush());
check("set", $client->set("a", "1") && $client->get("a") === "1");
check("a miss", $client->get("missing") === false && $client->getResultCode() == Memcached::RES_NOTFOUND);
check("add of what is there", !$client->add("a", "2"));
check("replace", $client->replace("a", "b"));
check("append and prepend", $client->append("a", "c") && $client->prepend("a", "a") && $client->get("a") === "abc");
$found = $client->get("a", null, Memcached::GET_EXTENDED);
check("gets", $found["value"] === "abc" && $found["cas"]);
check("cas", $client->cas($found["cas"], "a", "new"));
check("cas with an old number", !$client->cas($found["cas"], "a", "newer"));
check("the code of cas", $client->getResultCode() == Memcached::RES_DATA_EXISTS);
check("a counter", $client->set("n", 10) && $client->increment("n", 5) == 15 && $client->decrement("n", 100) == 0);
if ($protocol == "binary") {
    check("a new counter", $client->increment("new", 1, 7) == 7);
}
$many = [];
for ($n = 0; $n < 200; $n++) {
    $many["k$n"] = "v$n";
}
check("setMulti", $client->setMulti($many));
check("getMulti", $client->getMulti(array_merge(array_keys($many), ["missing"])) == $many);
check("deleteMulti", !in_array(false, array_map(fn($r) => $r === true, $client->deleteMulti(["k0", "k1"]))));
foreach ([0, 1, 16385, 500000] as $size) {
    $value = str_repeat("x", $size);
    check("a value of $size bytes", $client->set("size", $value) && $client->get("size") === $value);
}
check("touch", $client->touch("a", 100));
check("a short life", $client->set("short", "x", 1));
for ($tries = 0; $client->get("short") !== false; $tries++) {
    check("the end of a short life", $tries < 100);
    usleep(100000);
}
$stats = array_values($client->getStats())[0];
check("stats", $stats["curr_items"] > 0 && $stats["uptime"] >= 0);
check("version", str_starts_with(array_values($client->getVersion())[0], "1.6."));
if ($protocol == "text") {
    // By `stats items` and `stats cachedump`.
    check("getAllKeys", in_array("a", $client->getAllKeys() ?: []));
}
check("delete", $client->delete("a") && !$client->delete("a"));
check("flush at the end", $client->flush() && $client->get("n") === false);
$client->quit();
