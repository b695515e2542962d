"""Every task, and every function that touches notifications or their history, carries the decorator that counts and times it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOUCHES = re.compile(
    r"\b(?:FROM|INTO|UPDATE|JOIN|ONLY)\s+(?:ONLY\s+)?(?:notifications|notification_history)\b", re.IGNORECASE
)
NEEDS_NO_LOOP = {"Sweeper"}
"""Loops whose one step is a function of octavo/storage, which is measured there."""


def trees(folder):
    """Every module below a folder, parsed."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "migrations" not in path.parts:
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def is_measured(function):
    return any(ast.unparse(decorator) == "measured" for decorator in function.decorator_list)


def functions_of(tree):
    """Top-level functions, by name."""
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def methods_of(tree):
    """Methods, as pairs of class and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node, item


def statements(tree, name, seen):
    """All the text that a function holds, with that of the constants and functions of its module that it names."""
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    node = functions_of(tree).get(name) or values.get(name)
    if node is None or name in seen:
        return ""
    seen.add(name)
    parts = [item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    parts += [statements(tree, item.id, seen) for item in ast.walk(node) if isinstance(item, ast.Name)]
    return " ".join(parts)


def data_access():
    """The public functions of octavo/storage that are given a connection and touch one of the two tables."""
    for path, tree in trees("octavo/storage"):
        for name, function in functions_of(tree).items():
            takes_a_connection = any(argument.arg == "connection" for argument in function.args.args)
            if not name.startswith("_") and takes_a_connection and TOUCHES.search(statements(tree, name, set())):
                yield f"{path}:{name}", function


def handlers():
    """The methods that are handed to a Consumer, found where it is made: `Consumer(topic, source, thing.method, …)`."""
    for path, tree in trees("services"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Consumer":
                handler = node.args[2]
                assert isinstance(handler, ast.Attribute), path
                service = ROOT / path.parts[0] / path.parts[1]
                yield from (
                    (f"{path.parts[1]}:{owner.name}.{method.name}", method)
                    for _, other in trees(service.relative_to(ROOT))
                    for owner, method in methods_of(other)
                    if method.name == handler.attr
                )


def loops():
    """Classes of the services that run until they are told to stop, with their methods."""
    for path, tree in trees("services"):
        for owner, method in methods_of(tree):
            if method.name == "run" and [argument.arg for argument in method.args.args] == ["self", "stop"]:
                yield f"{path}:{owner.name}", owner


DATA_ACCESS, HANDLERS, LOOPS = dict(data_access()), dict(handlers()), dict(loops())


@pytest.mark.asked("S8")
def test_all_of_it_is_found():
    found = {name.partition(":")[2] for name in DATA_ACCESS}
    assert found >= {"insert_notifications", "claim_notifications", "record_outcomes", "apply_receipts"}
    assert {name.rpartition(".")[2] for name in HANDLERS} >= {"persist", "claim", "move"}
    assert len(LOOPS) > 3


@pytest.mark.asked("S8")
@pytest.mark.parametrize("name", DATA_ACCESS)
def test_every_function_that_touches_notifications_or_their_history_is_measured(name):
    assert is_measured(DATA_ACCESS[name])


@pytest.mark.asked("S8")
@pytest.mark.parametrize("name", HANDLERS)
def test_every_handler_of_a_consumer_is_measured(name):
    assert is_measured(HANDLERS[name])


@pytest.mark.asked("S8")
@pytest.mark.parametrize("name", LOOPS)
def test_every_loop_has_a_measured_step(name):
    owner = LOOPS[name]
    steps = [item for item in owner.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert owner.name in NEEDS_NO_LOOP or any(map(is_measured, steps))
