"""python -m training train EXPERIMENT.toml --data DIR"""

import argparse
from pathlib import Path

from training.experiment import read_experiment
from training.loop import train


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train an experiment")
    command.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml")
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--run", type=Path)
    command.add_argument("--start", type=Path)
    options = parser.parse_args()
    experiment = read_experiment(options.experiment)
    train(experiment, options.data, options.run or Path("runs") / experiment.name, start=options.start)


main()
