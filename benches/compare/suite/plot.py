"""Figures to an SVG: for every load one bar per server, its CPU per request beside memcached's, on a logarithmic scale.
A bar that ends before the line at 1 is cheaper than memcached."""

import math
from html import escape

from .peers import BASELINE, NULL, OURS
from .rows import LOADS

WIDTH = 860
LABEL_WIDTH = 190
VALUE_WIDTH = 60
TOP = 74
BAR_HEIGHT = 11
BAR_GAP = 2
GROUP_GAP = 14
BOTTOM = 40
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
# Told apart without colours too, by lightness.
COLOURS = {OURS: "#b3362b", NULL: "#c9c9c9"}
OTHER_COLOURS = ("#31688e", "#6aa7a0", "#d8b365", "#8073ac", "#4d4d4d")
STYLE = "text{font-family:system-ui,'DejaVu Sans',sans-serif;font-size:12px;fill:#222}.small{font-size:10.5px;fill:#555}"


def ratios(result):
    """loads[load][server] = ratio, without what was not measured."""
    found = {}
    for load, row in result["loads"].items():
        base = row.get(BASELINE) or {}
        if "cpu_us" not in base:
            continue
        bars = {}
        for name, one in row.items():
            if name != BASELINE and one and "ratio" in one:
                bars[name] = one["ratio"]
        if bars:
            found[load] = bars
    return found


def svg(result):
    groups = ratios(result)
    if not groups:
        return None
    names = [name for name in result["servers"] if any(name in bars for bars in groups.values())]
    # Ours first, the floor last.
    names.sort(key=lambda name: (name != OURS, name == NULL))
    others = [name for name in names if name not in COLOURS]
    colours = COLOURS | {name: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, name in enumerate(others)}
    values = [ratio for bars in groups.values() for ratio in bars.values()]
    goals = {load.name: load.goal for load in LOADS}
    low = max([tick for tick in TICKS if tick <= min(values) * 0.8] or [min(values) * 0.5])
    high = min([tick for tick in TICKS if tick >= max(1.0, max(values)) * 1.1] or [max(values) * 2])
    left, right = LABEL_WIDTH, WIDTH - VALUE_WIDTH

    def x(ratio):
        share = math.log(ratio / low) / math.log(high / low)
        return left + max(0.0, min(1.0, share)) * (right - left)

    height = TOP + BOTTOM + sum(len(bars) * (BAR_HEIGHT + BAR_GAP) + GROUP_GAP for bars in groups.values())
    title = f"Server CPU per request, ratio to {BASELINE} (logarithmic; shorter is better)"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="22" font-weight="600">{escape(title)}</text>',
    ]
    at = 12
    for name in names:
        out.append(f'<rect x="{at}" y="34" width="12" height="12" fill="{colours[name]}"/>')
        out.append(f'<text x="{at + 17}" y="44.5">{escape(name)}</text>')
        at += 17 + 8 * len(name) + 22
    out.append(f'<path d="M{at + 4} 33v14" stroke="#222" stroke-width="2"/><text x="{at + 12}" y="44.5">goal</text>')
    bottom = height - BOTTOM
    for tick in TICKS:
        if low <= tick <= high:
            stroke = "#222" if tick == 1 else "#e3e3e3"
            out.append(f'<path d="M{x(tick):.1f} {TOP - 8}V{bottom}" stroke="{stroke}"/>')
            out.append(f'<text class="small" x="{x(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{tick:g}</text>')
    at = TOP
    for load, bars in groups.items():
        middle = at + len(bars) * (BAR_HEIGHT + BAR_GAP) / 2 + 4
        out.append(f'<text x="{left - 10}" y="{middle:.1f}" text-anchor="end">{escape(load)}</text>')
        for name in names:
            if name not in bars:
                continue
            # From the left edge: of two bars the longer one is the dearer server.
            end = x(bars[name])
            tip = f"{load}, {name}: {bars[name]:.2f}"
            out.append(
                f'<rect x="{left}" y="{at}" width="{max(end - left, 1):.1f}" height="{BAR_HEIGHT}" fill="{colours[name]}">'
                f"<title>{escape(tip)}</title></rect>"
            )
            goal = name == OURS and load in goals
            # Behind the goal's mark, where that would cross it.
            start = max(end, x(goals[load])) if goal and x(goals[load]) < end + 32 else end
            out.append(f'<text class="small" x="{start + 4:.1f}" y="{at + 9.3}">{bars[name]:.2f}</text>')
            if goal:
                out.append(f'<path d="M{x(goals[load]):.1f} {at - 2}v{BAR_HEIGHT + 4}" stroke="#222" stroke-width="2"/>')
            at += BAR_HEIGHT + BAR_GAP
        at += GROUP_GAP
    out.append(f'<text class="small" x="12" y="{height - 8}">{escape(result["machine"])}; medians of {result["rounds"]} rounds</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
