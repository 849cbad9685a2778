# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the measurements have in common: programs that are looked at from outside, the machine, tables and plots."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import signal
import subprocess
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
START_S = 60  # how long a program may take until it serves


class CannotMeasure(Exception):
    """One figure; the others can be."""


def say(*words):
    print(*words, flush=True)


def wait_for(condition, what, deadline_s=START_S):
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise CannotMeasure(f"{what}: nothing after {deadline_s} s")
        time.sleep(0.01)


class Machine:
    """Which core is for whom."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.all = cores
        self.server = cores[:1]
        self.load = cores[1:2] or cores
        self.upstream = cores[2:] or self.load

    def words(self):
        """What was measured on, in a line."""
        model = "unknown processor"
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
        return f"{len(self.all)} cores, {model}, {platform.system()} {platform.release()}"


def keep_results(what, results):
    """Keeps them as build/bench/WHAT-DATE.json, from which --from makes tables and plots again."""
    directory = TREE / "build/bench"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{what}-{time.strftime('%Y%m%d-%H%M')}.json"
    path.write_text(json.dumps(results, indent=1))
    say(f"kept as {path.relative_to(TREE)}")


def with_peers(path):
    """Lays the programs unpacked below `path` over /usr of this mount namespace, where they look for their files."""
    if not (path / "usr").is_dir():
        say(f"{path}: nothing is unpacked there")
        return
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={path}/usr:/usr", "/usr"])
    if done.returncode != 0:
        say("no overlay file system here: peers that are not installed are not found")


class Process:
    """A running program and its children, on some cores."""

    def __init__(self, argv, cores, log, stdin=subprocess.DEVNULL):
        pin = ["taskset", "--cpu-list", ",".join(map(str, cores))]
        self.log = log
        with open(log, "wb") as out:
            self.popen = subprocess.Popen(
                [*pin, *map(str, argv)], stdin=stdin, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def pids(self):
        """It and its descendants."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = pathlib.Path("/proc", entry, "stat").read_text()
                except OSError:
                    continue
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
        found = [self.popen.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_s(self):
        """User and system time of all of them, those included that have ended and were waited for."""
        total = 0.0
        tick = os.sysconf("SC_CLK_TCK")
        for pid in self.pids():
            try:
                total += time.clock_gettime(~pid << 3 | 2)  # the clock of that process, as clock_getcpuclockid has it
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += (int(stat[13]) + int(stat[14])) / tick
        return total

    def memory_mb(self):
        """(RSS, PSS) of all of them in MiB. RSS counts what they share once for each, PSS in parts."""
        sums = {"Rss": 0, "Pss": 0}
        for pid in self.pids():
            try:
                lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            except OSError:
                continue
            for line in lines:
                key, value = line.split()[:2]
                if key.rstrip(":") in sums:
                    sums[key.rstrip(":")] += int(value)
        return sums["Rss"] / 1024, sums["Pss"] / 1024

    def descriptors(self):
        """How many all of them have open."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += len(os.listdir(f"/proc/{pid}/fd"))
        return total

    def ended(self):
        return self.popen.poll() is not None

    def words(self):
        return pathlib.Path(self.log).read_text(errors="replace").strip()[-2000:]

    def stop(self):
        """SIGKILL to its session: what it has to say no longer matters."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.popen.wait()


class Meanwhile:
    """How much of the machine other programs had during a run: a busy machine gives bad figures, and the reader should know."""

    def __init__(self):
        self.before = self.look()

    @staticmethod
    def look():
        words = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        user, nice, system, _, _, irq, softirq, steal = (int(word) / os.sysconf("SC_CLK_TCK") for word in words)
        return time.monotonic(), user + nice + system + irq + softirq + steal, sum(os.times()[:4])

    def others(self):
        """Their share of all cores since the beginning; ours counts when it has ended."""
        wall, busy, own = (now - then for now, then in zip(self.look(), self.before))
        return max(0.0, (busy - own) / (wall * os.cpu_count()))


class Options(argparse.ArgumentParser):
    """The command line of a program, with the options that all of them have."""

    def __init__(self, what, doc, seconds, quick_seconds, number=float):
        super().__init__(prog=f"script/bench {what}", description=doc.split("\n\n")[0])
        self.seconds, self.quick_seconds, self.choices = seconds, quick_seconds, {}
        self.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
        self.add_argument("--quick", action="store_true", help="one short round; nothing is written to docs")
        self.add_argument("--rounds", type=int, help="5, or 1 with --quick")
        self.add_argument("--seconds", type=number, help=f"of each figure: {seconds}, or {quick_seconds} with --quick")
        self.add_argument("--from", dest="results", type=pathlib.Path, help="write docs from the results of an earlier run")

    def choose(self, name, there, quick=None):
        """--NAME A,B: some of those words, else all of them or, with --quick, only `quick`."""
        there = list(there)
        self.choices[name] = there, quick or there
        self.add_argument(f"--{name}", type=lambda text: text.split(","), help=",".join(there))

    def read(self):
        options = self.parse_args()
        options.rounds = options.rounds or (1 if options.quick else 5)
        options.seconds = options.seconds or (self.quick_seconds if options.quick else self.seconds)
        for name, (there, quick) in self.choices.items():
            chosen = getattr(options, name) or (quick if options.quick else there)
            setattr(options, name, chosen)
            for word in set(chosen) - set(there):
                self.error(f"no {word} here: {', '.join(there)}")
        return options


def measure(options, run):
    """What run(options) returns, and the circumstances."""
    started, meanwhile = time.monotonic(), Meanwhile()
    results = run(options)
    return {
        **results,
        **{"machine": Machine().words(), "rounds": options.rounds, "seconds": options.seconds},
        **{"took_s": time.monotonic() - started, "others": meanwhile.others(), "date": time.strftime("%Y-%m-%d")},
    }


def conclude(what, options, run, report):
    """The end of each program: measures, or reads what was measured before, says it, and unless --quick writes it down."""
    results = json.loads(options.results.read_text()) if options.results else measure(options, run)
    say(report.console(results))
    if not options.quick:
        if not options.results:
            keep_results(what, results)
        report.write(results)
    say(f"took {results['took_s']:.0f} s; other programs had {results['others']:.0%} of the machine meanwhile")


# Tables and plots


def table(header, rows):
    """A table in Markdown; numbers stand at the right."""
    rule = ["---" if i == 0 else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, rule, *rows])


def figure(value):
    """Three digits, as one reads them."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def circumstances(results):
    """When, where and how it was measured, in two sentences."""
    rounds = "one round" if results["rounds"] == 1 else f"medians of {results['rounds']} rounds"
    return (
        f"Measured on {results['date']}: {results['machine']}; {rounds}, {results['seconds']:g} s a figure, "
        f"{results['took_s'] / 60:.0f} minutes in all. Other programs had {results['others']:.0%} of the machine meanwhile."
    )


def write_section(mark, text, page="docs/PERFORMANCE.md", writer="script/bench"):
    """Puts text between the markers of a page."""
    path = TREE / page
    begin, end = f"<!-- {mark}: begin; written by {writer} -->", f"<!-- {mark}: end -->"
    before, found_begin, rest = path.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{path} has no place for {mark}")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
    say(f"written: the section {mark} of {page}")


HIGHLIGHT, PLAIN, BACKGROUND = 0x1F6FB4, 0x9DB4C8, 0xCFCFCF


def bars(path, columns, panels):
    """Draws panels of horizontal bars as SVG: [(title, [(label, value, colour)])]. Says so if there is no gnuplot."""
    rows = -(-len(panels) // columns)
    height = 50 + max(len(bars) for _, bars in panels) * 20
    script = [
        f'set terminal svg size {columns * 300},{rows * height} font "sans-serif,12" background "white"',
        f'set output "{path}"',
        f"set multiplot layout {rows},{columns}",
        "set tics nomirror scale 0; unset key; unset xtics; set border 2; set style fill solid noborder; set lmargin 16",
    ]
    for title, panel in panels:
        most = max(value for _, value, _ in panel)
        tics = ", ".join(f'"{label}" {i}' for i, (label, _, _) in enumerate(panel))
        script += [f'set title "{title}"', f"set ytics ({tics})", f"set xrange [0:{most * 1.25}]"]
        script += [f"set yrange [{len(panel) - 0.4}:-0.6]", "$data << END"]
        script += [f'{i} {value} {colour} "{figure(value)}"' for i, (_, value, colour) in enumerate(panel)]
        script += ["END", "plot $data using (0):1:(0):2:($1-0.38):($1+0.38):3 with boxxyerror lc rgb variable, \\"]
        script += [f'     $data using ($2+{most * 0.02}):1:4 with labels left']
    script += ["unset multiplot"]
    try:
        subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
        say(f"drawn: {path.relative_to(TREE)}")
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"no plot: {error}")
