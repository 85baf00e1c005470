"""Figures to Markdown."""

from . import forwarding, latency
from .peers import BASELINE, NULL, OURS
from .rows import IDLE_GOAL_BYTES, IDLE_ROW, LOADS, NULL_GOALS
from .rounds import spread

NOTHING = "–"


def table(head, rows):
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)]


def verdict(ratio, goal):
    return f"≤ {goal:.2f}, {'held' if ratio <= goal else 'missed'}"


def has(row, key):
    return bool(row) and key in row


def loads(rows, names):
    """Three tables: CPU per request, ratios beside the goals, requests per second."""
    if not rows:
        return []
    lines = table(
        ["server CPU, µs per request"] + names,
        [
            [load] + [spread(row[n], "cpu_us") if has(row.get(n), "cpu_us") else NOTHING for n in names]
            for load, row in rows.items()
        ],
    )
    compared = [n for n in names if n not in (BASELINE, NULL)] if BASELINE in names else []
    if compared:
        goals = {load.name: load.goal for load in LOADS}
        head = [f"ratio to {BASELINE}"] + compared
        head += ["goal"] if OURS in compared else []
        head += [f"{OURS} / {NULL}"] if {OURS, NULL} <= set(names) else []
        body = []
        for load, row in rows.items():
            cells = [load] + [spread(row[n], "ratio") if has(row.get(n), "ratio") else NOTHING for n in compared]
            if OURS in compared:
                cells.append(verdict(row[OURS]["ratio"], goals[load]) if has(row.get(OURS), "ratio") else NOTHING)
                if NULL in names:
                    cell = spread(row[OURS], "null_ratio") if has(row.get(OURS), "null_ratio") else NOTHING
                    if load in NULL_GOALS and cell != NOTHING:
                        cell += f" {verdict(row[OURS]['null_ratio'], NULL_GOALS[load])}"
                    cells.append(cell)
            body.append(cells)
        lines += [""] + table(head, body)
    lines += [""] + table(
        ["requests per second"] + names,
        [
            [load] + [f"{row[n]['per_s']:,.0f}" if has(row.get(n), "per_s") else NOTHING for n in names]
            for load, row in rows.items()
        ],
    )
    return lines


def generator(rows, names):
    """What ringload itself takes, beside the servers that it drives."""
    shown = [n for n in names if any(has(row.get(n), "generator_ratio") for row in rows.values())]
    if not shown:
        return []
    return table(
        ["ringload's own CPU for each request, beside what the server took"] + shown,
        [
            [load] + [spread(row[n], "generator_ratio") if has(row.get(n), "generator_ratio") else NOTHING for n in shown]
            for load, row in rows.items()
        ],
    )


def memory(items, idle, names, limit_mib):
    names = [name for name in names if name != NULL]
    body = []
    for row, by_server in items.items():
        row = row.removeprefix("memory, ")
        for what, text in [
            ("kept", lambda m: f"{m['items']:,}"),
            ("resident bytes each", lambda m: f"{m['bytes_per_item']:.1f}"),
            ("resident over the limit", lambda m: f"{m['over_limit_bytes'] / 2**20:.1f} MiB, {m['over_limit_percent']:.1f} %"),
        ]:
            body.append([f"{row}, {what}"] + [text(by_server[n]) if by_server.get(n) else NOTHING for n in names])
    if idle:
        cells = [f"{idle[n]['bytes_per_connection']:.0f}" if idle.get(n) else NOTHING for n in names]
        body.append([f"{IDLE_ROW.removeprefix('memory, ')} (goal: {OURS} ≤ {IDLE_GOAL_BYTES})"] + cells)
    return table([f"memory, limit {limit_mib} MiB"] + names, body) if body else []


def remarks(result, names):
    found = list(result["remarks"])
    for load, row in result["loads"].items():
        for name in names:
            if row.get(name):
                said = [row[name]["fault"]] if "fault" in row[name] else row[name]["remarks"]
                found += [f"{load}, {name}: {remark}." for remark in said]
    for row, by_server in result["memory"].items():
        found += [f"{row.removeprefix('memory, ')}: {n} {remark}." for n in by_server for remark in by_server[n]["remarks"]]
    return found


def markdown(result):
    """The whole result, as `run` writes it to JSON."""
    names = list(result["servers"])
    parts = [
        loads(result["loads"], names),
        generator(result["loads"], names),
        forwarding.markdown(result["forwarding"]),
        latency.markdown(result["latency"], names),
        memory(result["memory"], result["idle"], names, result["memory_mib"]),
        [
            f"{result['machine']}. {result['rounds']} rounds of {result['seconds']:g} s, limit {result['memory_mib']} MiB; "
            "medians, in brackets the least and the most of the rounds; ratios are taken within a round."
        ]
        + remarks(result, names),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)
