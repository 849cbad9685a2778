# SPDX-License-Identifier: LGPL-2.1-or-later
"""What came of a soak: promises and whether they held, a plot, a section of docs/RELIABILITY.md."""

import json
import statistics
import subprocess
import time

import common

GROWTH_MB = 4  # of a steady service, after its first quarter: what comes and goes with caches and guests
GROWTH_FDS = 32
LOST_AT_MOST = 1e-4  # of the questions that need nobody else


def series(results, part, name, key):
    """(seconds, value) of all samples that have one."""
    return [(s["at"], s[part][name][key]) for s in results["samples"] if s[part].get(name) and s[part][name].get(key) is not None]


def growth(results, name, key):
    """The most of the last quarter less the most of the second one."""
    values = [value for _, value in series(results, "services", name, key)]
    quarter = len(values) // 4
    if quarter == 0:
        return 0
    return max(values[-quarter:]) - max(values[quarter : 2 * quarter])


def judge(results):
    """[(promise, whether it held, what was seen)]"""
    ended = {name: deaths for name, deaths in results["deaths"].items() if deaths}
    verdict = [("no service ends by itself", not ended, json.dumps(ended)[:500] if ended else "none did")]
    for name in ("steady iothnamed", "steady namedhcp", "steady otip_rproxy"):
        memory, descriptors = growth(results, name, "rss_mb"), growth(results, name, "fds")
        verdict.append((f"{name}: memory stays within {GROWTH_MB} MiB", memory <= GROWTH_MB, f"{memory:+.1f} MiB"))
        verdict.append((f"{name}: descriptors stay within {GROWTH_FDS}", descriptors <= GROWTH_FDS, f"{descriptors:+d}"))
    for load in ("own names", "from the cache"):
        sent = sum(s["loads"][load]["sent"] for s in results["samples"])
        lost = sum(s["loads"][load]["lost"] for s in results["samples"])
        verdict.append((f"questions for {load} are answered, whatever is at fault", lost <= sent * LOST_AT_MOST, f"{lost} of {sent} lost"))
    fetches = [took for s in results["samples"] for took in s["fetches"]]
    failed = sum(took is None for took in fetches)
    verdict.append(("each page comes whole from the one-time address of its moment", failed == 0, f"{failed} of {len(fetches)} did not"))
    late = [guest for guest in results["guests"] if guest["bound_after_s"] is None]
    took = [guest["bound_after_s"] for guest in results["guests"] if guest["bound_after_s"] is not None]
    seen = f"{len(late)} of {len(late) + len(took)} not" + (f"; {statistics.median(took):.0f} s, at most {max(took):.0f}" if took else "")
    verdict.append(("each guest gets the address of its name and one of IPv4", not late, seen))
    return verdict


def words(results, verdict):
    rows = [(promise, seen, "yes" if held else "**no**") for promise, held, seen in verdict]
    head = (
        f"Run on {results['date']} for {results['hours']:.2f} hours, seed {results['seed']}: {results['machine']}; "
        f"{len(results['faults'])} faults, {len(results['guests'])} guests."
    )
    return head + "\n\n" + common.table(("promise", "seen", "held"), rows)


def keep(results, verdict):
    directory = common.TREE / "build/soak"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{time.strftime('%Y%m%d-%H%M')}.json"
    path.write_text(json.dumps({**results, "verdict": verdict}, indent=1))
    plot(results, path.with_suffix(".svg"))
    return path


def write(results, verdict):
    plot(results, common.TREE / "docs/reliability-soak.svg")
    common.write_section("soak", words(results, verdict), "docs/RELIABILITY.md", "script/soak --write")


# ---- the plot ----


def panels(results):
    """[(title, unit, logarithmic, {name: points})]"""
    services = list(results["samples"][0]["services"])
    loads = list(results["samples"][0]["loads"])
    lost = {
        name: [(s["at"], 100 * s["loads"][name]["lost"] / max(1, s["loads"][name]["sent"])) for s in results["samples"]] for name in loads
    }
    return [
        ("memory", "MiB", False, {name: series(results, "services", name, "rss_mb") for name in services}),
        ("descriptors", "", False, {name: series(results, "services", name, "fds") for name in services}),
        ("an answer, median", "us", True, {name: series(results, "loads", name, "p50_us") for name in loads}),
        ("an answer, 99 of 100", "us", True, {name: series(results, "loads", name, "p99_us") for name in loads}),
        ("questions without an answer", "%", False, lost),
        ("a MiB through the proxy", "s", True, {"pages": [(s["at"], took) for s in results["samples"] for took in s["fetches"] if took]}),
        ("guests, until they are bound", "s", False, {"guests": [(g["at"], g["bound_after_s"] or 60) for g in results["guests"]]}),
    ]


def plot(results, path):
    script = [
        'set terminal svg size 1000,1200 font "sans-serif,11" background "white"',
        f'set output "{path}"',
        "set multiplot layout 4,2",
        'set tics nomirror; set border 3; set xlabel "minutes"; set key outside below; set grid ytics lc rgb 0xdddddd',
    ]
    for number, fault in enumerate(results["faults"]):
        at = fault["at"] / 60
        script.append(f"set arrow {number + 1} from {at},graph 0 to {at},graph 0.03 nohead lc rgb 0xcc0000")
    for title, unit, logarithmic, lines in panels(results):
        lines = {name: points for name, points in lines.items() if points}
        if not lines:
            continue
        blocks = []
        for number, points in enumerate(lines.values()):
            data = "\n".join(f"{at / 60} {value}" for at, value in points if value > 0 or not logarithmic)
            blocks.append(f"$data{number} << END\n{data}\nEND")
        style = "points pt 7 ps 0.4" if len(lines) == 1 else "lines lw 1.5"
        parts = [f'$data{number} using 1:2 with {style} title "{name}"' for number, name in enumerate(lines)]
        script += blocks
        script += [f'set title "{title}"', f'set ylabel "{unit}"', f"{'set' if logarithmic else 'unset'} logscale y"]
        script += ["set yrange [*:*]" if logarithmic else "set yrange [0:*]", "plot " + ", ".join(parts)]
    script.append("unset multiplot")
    try:
        subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
        common.say(f"drawn: {path.relative_to(common.TREE)}")
    except (OSError, subprocess.CalledProcessError) as error:
        common.say(f"no plot: {error}")
