"""Run time of `n2d.py` beside busy programs, as a multiple of its time alone.

    python benchmarks/beside.py usps --busy 0 1 2
    python benchmarks/beside.py digits --repeats 3 --spin 3000 300000

A busy program is a process that counts, without end. Prints, for each number of them, the seconds of the stages and of
the whole, medians of the repeats, and the multiple. `--spin` sets GOMP_SPINCOUNT, how many times threads that wait for
each other look again before they sleep; without it the command's own choice is measured. GNU's OpenMP has 300,000.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]


def run(dataset, spin):
    """Return the seconds of each stage of a run of the command, and of the `whole`."""
    environment = {**os.environ} | ({} if spin is None else {"GOMP_SPINCOUNT": str(spin)})
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "n2d.py"), dataset, "cpu", f"--save_dir={folder}/run"]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        whole = time.perf_counter() - start
        return json.loads(Path(folder, "run/metrics.json").read_text())["seconds"] | {"whole": whole}


def main():
    """Print a Markdown table for each spin count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="digits")
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1, 2], help="busy programs (0 1 2)")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--spin", nargs="+", type=int, default=[None], help="(the command's own)")
    args = parser.parse_args()
    run("digits", None)  # compiles
    for spin in args.spin:
        found = {}
        for n_busy in args.busy:
            with ExitStack() as stack:
                for _ in range(n_busy):
                    busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
                    stack.callback(busy.kill)
                runs = [run(args.dataset, spin) for _ in range(args.repeats)]
            found[n_busy] = {stage: median(of[stage] for of in runs) for stage in runs[0]}
        stages = [stage for stage in found[args.busy[0]] if found[args.busy[0]][stage] >= 0.05]
        print(f"\n{args.dataset}, GOMP_SPINCOUNT {spin or 'of the command'}, {os.cpu_count()} cores\n")
        print(f"| busy programs | {' | '.join(stages)} | multiple |\n|---|{'---|' * (len(stages) + 1)}")
        for n_busy, of in found.items():
            cells = " | ".join(f"{of[stage]:.1f}" for stage in stages)
            print(f"| {n_busy} | {cells} | {of['whole'] / found[args.busy[0]]['whole']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
