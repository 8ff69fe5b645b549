"""`qa search`: Optuna proposes knobs, DVC runs each proposal as an experiment on a copy of the checkout, and what
falls behind in validation loss is ended early.

    .cache/searches/<name>.sqlite        the trials, kept by Optuna
    .cache/searches/<name>.lock          held by who searches and by the experiment it has started
    .cache/searches/<name>-<trial>.log   what that experiment printed

A search that was killed goes on: an experiment that it left running is waited for and counts, one that died with it is
run again with the same knobs. MLflow holds one run per search and below it one per trial.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal
from uuid import uuid4

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError, QueryAssistantError
from query_assistant.files import held
from query_assistant.pipeline.search_log import SearchLog
from query_assistant.pipeline.search_space import SearchParams, Value
from query_assistant.pipeline.trial_runs import TrialRun, check_space, last_line, losses_in, stop
from query_assistant.seeds import derive_seed

OPTUNA_MISSING = "the package optuna is not installed: run `pip install '.[search]'`"
_FOLDER = Path(".cache/searches")
_POLL_S = 1.0
_FAILURES = 2  # one after the other: the next would fail too
_KEY, _SPACE = "key", "space"

State = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True)
class TriedKnobs:
    """One trial: its experiment's name in DVC, its knobs, and what it came to; None where it came to nothing."""

    number: int
    experiment: str
    state: State
    value: float | None
    knobs: dict[str, Value]


def search(root: Path, name: str, params: SearchParams) -> list[TriedKnobs]:
    """Runs trials until there are as many as wanted, and returns all of them, the best first.

    Raises:
        ConfigurationError: a knob is unknown or out of bounds, or the search was begun with others.
        MissingResourceError: Optuna is not installed, or MLflow's server does not answer.
        QueryAssistantError: two experiments failed one after the other.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"a search called {name!r} cannot be: expected letters, digits, - and _")
    check_space(root, params)
    with _alone(root / _FOLDER / f"{name}.lock") as lock:
        return _Search(root, name, params, lock).run()


@contextmanager
def _alone(file: Path) -> Iterator[IO[bytes]]:
    """The lock, waited for where another search, or an experiment that a killed one left, holds it."""
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(held(file))
        except InputError:
            sys.stderr.write(f"waiting for a trial that is still running ({file.name})\n")
            lock = stack.enter_context(held(file, wait=True))
        yield lock


class _Search:
    def __init__(self, root: Path, name: str, params: SearchParams, lock: IO[bytes]) -> None:
        self._root, self._name, self._params, self._lock = root, name, params, lock
        self._optuna = _optuna()
        self._study = self._open()
        self._log = SearchLog(root, f"{name}-{self._study.user_attrs[_KEY]}", params)

    def run(self) -> list[TriedKnobs]:
        self._take_up()
        self._log.add(self.tried(), self._losses())
        failures = 0
        while len(self._trials("COMPLETE", "PRUNED")) < self._params.trials:
            trial = self._asked()
            failures = failures + 1 if self._tried(trial) == "failed" else 0
            self._log.add(self.tried(), self._losses())
            if failures == _FAILURES:
                log = self._experiment_log(trial.number)
                raise QueryAssistantError(f"{failures} trials failed, the last: {last_line(log)}; all it said: {log}")
        return self.tried()

    def _losses(self) -> dict[int, dict[int, float]]:
        """Validation losses by step, of each trial."""
        sign = 1 if self._params.measure == "validation_loss" else -1
        return {
            one.number: {step: sign * value for step, value in one.intermediate_values.items()}
            for one in self._study.trials
        }

    def tried(self) -> list[TriedKnobs]:
        """Every trial that ended, the best first."""
        states: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
        found = [
            TriedKnobs(
                one.number,
                self._run_of(one).name,
                states[one.state.name],
                one.value if one.state.name == "COMPLETE" else None,
                dict(one.params),
            )
            for one in self._trials(*states)
        ]
        sign = 1 if self._study.direction.name == "MINIMIZE" else -1
        return sorted(found, key=lambda one: (one.value is None, sign * (one.value or 0), one.number))

    def _open(self) -> Any:
        """The study, begun now or before.

        Raises:
            ConfigurationError: it was begun with other knobs.
        """
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        file = (self._root / _FOLDER / f"{self._name}.sqlite").resolve()
        study = self._optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name=self._name,
            direction="minimize" if self._params.measure == "validation_loss" else "maximize",
            pruner=self._optuna.pruners.MedianPruner(self._params.startup, self._params.patience_steps),
            load_if_exists=True,
        )
        if _KEY not in study.user_attrs:
            study.set_user_attr(_SPACE, self._params.space)
            study.set_user_attr(_KEY, uuid4().hex[:6])
        if study.user_attrs[_SPACE] != self._params.space:
            raise ConfigurationError(
                f"search {self._name!r} was begun with another experiment, measure, seed or knobs; give this one "
                f"another name, or remove {file.relative_to(self._root.resolve())}"
            )
        return study

    def _take_up(self) -> None:
        """Ends the trials that a killed search left open: with their results, or to be run again."""
        for one in self._trials("RUNNING"):
            value = self._run_of(one).value() if one.params else None
            if value is not None:
                self._study.tell(one.number, value)
            else:
                self._study.tell(one.number, state=self._optuna.trial.TrialState.FAIL)
                if one.params:
                    self._study.enqueue_trial(one.params)

    def _asked(self) -> Any:
        """The next trial, its knobs chosen by what the others came to; after a kill by the same draws."""
        number = len(self._study.trials)
        seed = derive_seed(self._params.seed, f"trial {number}")
        self._study.sampler = self._optuna.samplers.TPESampler(n_startup_trials=self._params.startup, seed=seed)
        trial = self._study.ask()
        for name, one in self._params.knobs.items():
            if one.choices:
                trial.suggest_categorical(name, one.choices)
            elif one.is_whole:
                trial.suggest_int(name, one.low, one.high, log=one.log)
            else:
                trial.suggest_float(name, one.low, one.high, log=one.log)
        return trial

    def _tried(self, trial: Any) -> State:
        """Runs one trial to its end or until it is pruned."""
        run = self._run_of(trial)
        params = run.compose(self._root / _FOLDER / f"{self._name}.params.yaml")
        process = run.start(self._experiment_log(trial.number), self._lock)
        try:
            pruned = self._falls_behind(trial, run, params, process)
        except BaseException:
            stop(process, run.copy(params))
            raise
        state = self._optuna.trial.TrialState
        if pruned:
            stop(process, run.copy(params))
            self._study.tell(trial, state=state.PRUNED)
            return "pruned"
        value = run.value()
        if value is None:
            self._study.tell(trial, state=state.FAIL)
            return "failed"
        self._study.tell(trial, value)
        return "finished"

    def _falls_behind(self, trial: Any, run: TrialRun, params: str, process: subprocess.Popen[bytes]) -> bool:
        """Watches an experiment until it ends (False), or its losses are worse than most others' (True)."""
        copy: Path | None = None
        told: set[int] = set()
        sign = 1 if self._params.measure == "validation_loss" else -1
        while process.poll() is None:
            time.sleep(_POLL_S)
            copy = copy or run.copy(params)
            for step, loss in sorted(losses_in(copy).items()) if copy else ():
                if step not in told:
                    told.add(step)
                    trial.report(sign * loss, step)
                    if self._params.prunes and trial.should_prune():
                        return True
        return False

    def _run_of(self, trial: Any) -> TrialRun:
        name = f"{self._name}-{self._study.user_attrs[_KEY]}-{trial.number}"
        return TrialRun(self._root, name, self._params, trial.params)

    def _experiment_log(self, number: int) -> Path:
        return self._root / _FOLDER / f"{self._name}-{number}.log"

    def _trials(self, *states: str) -> Sequence[Any]:
        wanted = tuple(self._optuna.trial.TrialState[state] for state in states)
        found: Sequence[Any] = self._study.get_trials(states=wanted)
        return found


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingResourceError(OPTUNA_MISSING) from None
    return optuna
