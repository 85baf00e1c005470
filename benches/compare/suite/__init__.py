"""The comparison of ringcached with its peers. `benches/compare/run` tells how it is used.

rows       what is measured, and the goals
peers      which servers there are, and how they are started
server     one server process
generator  ringload
rounds     CPU per request, every server in turn
latency    percentiles at a given rate
forwarding two shards against one
memory     bytes per item and per idle connection
count      instructions per request, counted by callgrind
report     figures to Markdown
plot       figures to an SVG
"""
