"""Time per operator, and what runs outside of the delegate."""

import re
from pathlib import Path

import numpy as np
import pytest

from agent.bench.cuts import live_tensors, time_cuts
from agent.bench.flatbuffer import cut_after
from agent.bench.interpreter import Graph, Node, Tensor, find_library, open_part, read_graph
from agent.bench.kernels import Kernel, match_kernels, profile_kernels
from agent.bench.operators import CUTS, PROFILER, profile_model, profile_of_cuts, profile_of_kernels
from agent.bench.profiler import find_runtime
from agent.clock import ManualClock, SystemClock
from agent.errors import ModelError
from bundle.archive import open_archive

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.lwb"))

# uint8 -> CAST, two CONV_2D of which one goes through CUMSUM, ADD, MEAN, FULLY_CONNECTED; float32.
# Neither CAST from uint8 nor CUMSUM are known to XNNPACK.
MIXED = (Path(__file__).parent / "mixed.tflite").read_bytes()

no_profiler = pytest.mark.skipif(find_runtime() is None, reason="skipped: LiteRT has no C library")


def node(index, kind, *, delegated=True):
    """Return a node of a chain."""
    return Node(index, kind, (index,), (index + 1,), (1, 4, 4, 8), delegated)


def chain(*kinds):
    """Return a graph of operators one after the other; kinds in lower case are not delegated."""
    nodes = [node(i, kind.upper(), delegated=kind.isupper()) for i, kind in enumerate(kinds)]
    ends = (Tensor(0, "uint8", (1, 4, 4, 1)),), (Tensor(len(kinds), "int8", (1, 2)),)
    return Graph(tuple(nodes), *ends, partitions=1)


def no_kernels(model, graph, threads):
    """Stand in for a runtime without a profiler."""


@no_profiler
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_delegated_but_for_its_first_node(path):
    """The profile of a shipped bundle is whole, and says what XNNPACK does not run.

    That is QUANTIZE from the uint8 picture to int8: XNNPACK converts no uint8.
    """
    found = profile_model(open_archive(path).model, 1, SystemClock())
    assert found.method == PROFILER
    assert sum(one.share for one in found.nodes) == pytest.approx(1, abs=1e-4)
    assert sum(one.share for one in found.types) == pytest.approx(1, abs=1e-4)
    assert [(one.index, one.type) for one in found.outside] == [(0, "QUANTIZE")]
    assert found.in_delegate == found.operators - 1
    assert found.partitions == 1
    convolutions = [one for one in found.nodes if one.type in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    assert convolutions
    assert all(one.kernel is not None for one in convolutions)
    assert sum(one.share for one in convolutions) > 0.8


def test_the_page_counts_the_operators_of_the_examples_as_they_are():
    """A bundle that is made anew may have others."""
    section = (ROOT / "docs" / "bench.md").read_text("utf-8").split("## Operators")[1]
    graphs = [read_graph(open_archive(path).model) for path in EXAMPLES]
    counted = {
        f"{sum(one.in_delegate for one in graph.nodes)} of {len(graph.nodes)}" for graph in graphs
    }
    assert set(re.findall(r"\d+ of \d+", section.split("\n## ")[0])) == counted


def test_nodes_between_partitions_are_found():
    """A node in the middle splits the delegate in two; a branch around it stays inside."""
    graph = read_graph(MIXED)
    assert [one.type for one in graph.nodes if not one.in_delegate] == ["CAST", "CUMSUM"]
    assert len(graph.nodes) == 8
    assert graph.partitions == 2
    assert graph.inputs[0].type == "uint8"


@no_profiler
def test_nodes_outside_of_the_delegate_have_their_time_too():
    """The profiler times them by their number, so they are matched for sure."""
    graph = read_graph(MIXED)
    kernels = profile_kernels(MIXED, graph, 1)
    node_of = match_kernels(graph.nodes, kernels)
    outside = {node_of[i]: one.name for i, one in enumerate(kernels) if one.node is not None}
    assert outside == {0: "CAST", 3: "CUMSUM"}


@no_profiler
def test_a_profiler_that_fails_is_none():
    """A child process that ends badly leaves the other method to be used."""
    assert profile_kernels(b"no model", read_graph(MIXED), 1) is None


def test_without_a_profiler_the_model_is_cut():
    """Where only the interpreter is there, the shares come from shortened models."""
    found = profile_model(MIXED, 1, SystemClock(), no_kernels)
    assert found.method == CUTS
    assert len(found.nodes) == 8
    assert sum(one.share for one in found.nodes) == pytest.approx(1, abs=1e-4)
    assert [one.type for one in found.outside] == ["CAST", "CUMSUM"]


def test_kernels_are_matched_by_kind_and_order():
    """What the delegate merged has no kernel, and what it added has no node."""
    graph = chain("quantize", "MUL", "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN")
    names = ["Unary", "Convolution (NHWC, QC8) IGEMM", "Convolution (NHWC, QC8) DWConv", "Add (ND)"]
    kernels = [Kernel("QUANTIZE", 0, (4,)), *(Kernel(name, None, (4,)) for name in names)]
    kernels.append(Kernel("Mean (ND) Reduce", None, (4,)))
    assert match_kernels(graph.nodes, kernels) == {0: 0, 2: 3, 3: 4, 4: 5, 5: 6}


def test_shares_are_times_over_their_sum():
    """3 ms of 4 are three quarters; the delegate's own work is told apart."""
    graph = chain("quantize", "CONV_2D")
    kernels = [
        Kernel("QUANTIZE", 0, (500,) * 8),
        Kernel("Fully Connected (NC, QS8) GEMM", None, (3000,) * 8),
        Kernel("Static Reshape", None, (500,) * 8),
    ]
    found = profile_of_kernels(graph, kernels, 2)
    assert [(one.index, one.time_ms, one.share) for one in found.nodes] == [
        (0, 0.5, 0.125), (1, 3.0, 0.75), (None, 0.5, 0.125),
    ]  # fmt: skip
    assert [one.type for one in found.types] == ["CONV_2D", "QUANTIZE", "(the delegate's own)"]
    assert (found.sum_ms, found.noise_ms, found.threads) == (4.0, 0.0, 2)
    assert (found.operators, found.in_delegate) == (2, 1)


def test_runs_that_were_disturbed_do_not_count():
    """A quarter at either end is left out of the mean; what two halves differ by is noise."""
    calm = Kernel("x", None, (10, 10, 10, 10, 10, 10, 10, 9000))
    assert calm.time_ms == 0.01
    torn = Kernel("Convolution", None, (10, 20) * 20)
    assert profile_of_kernels(chain("CONV_2D"), [torn], 1).noise_ms == pytest.approx(0.01)


def test_an_operator_takes_what_it_adds():
    """Parts of 1, 2, 5 and 6 ms, the first of them the call alone, are operators of 1, 3 and 1."""
    times = np.array([[1.0, 2.0, 5.0, 6.0], [9.0, 2.0, 8.0, 6.0], [1.0, 2.0, 5.0, 6.0]])
    found = profile_of_cuts(chain("CONV_2D", "ADD", "MEAN"), times, 1)
    assert [one.time_ms for one in found.nodes] == [1.0, 3.0, 1.0]
    assert found.noise_ms > 0


def test_no_operator_takes_less_than_nothing():
    """A part that came out quicker than a shorter one is noise, not a gain."""
    times = np.array([[1.0, 4.0, 3.0, 6.0]] * 4)
    found = profile_of_cuts(chain("CONV_2D", "ADD", "MEAN"), times, 1)
    assert [one.time_ms for one in found.nodes] == [2.5, 0.0, 2.5]
    assert sum(one.share for one in found.nodes) == pytest.approx(1)


def test_parts_are_timed_by_the_clock_that_is_given():
    """A part of n operators takes n milliseconds here; the whole model is the last one."""
    clock, graph = ManualClock(), read_graph(MIXED)
    sizes = {cut_after(MIXED, n, live_tensors(graph, n)): n for n in range(9)}

    def opener(model, threads):
        return lambda: clock.advance(sizes[model] * 1_000_000)

    times = time_cuts(MIXED, graph, 1, clock, opener)
    assert times[0].tolist() == times[-1].tolist() == list(range(9))


def test_a_cut_model_computes_what_the_whole_one_does():
    """The tensors of a part are those of the whole model, on the same picture."""
    graph = read_graph(MIXED)
    picture = np.random.default_rng(3).integers(0, 256, (1, 16, 16, 1), np.uint8)

    def outputs(model):
        interpreter = find_library().Interpreter(model_content=model)
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, picture)
        interpreter.invoke()
        details = interpreter.get_output_details()
        return {one["index"]: interpreter.get_tensor(one["index"]) for one in details}

    whole = outputs(cut_after(MIXED, 8, [8, 9, 10, 12, 14]))
    for count in range(1, 9):
        part = outputs(cut_after(MIXED, count, live_tensors(graph, count)))
        for index in set(part) & set(whole):
            np.testing.assert_allclose(part[index], whole[index], rtol=1e-5)
    assert set(outputs(cut_after(MIXED, 3, live_tensors(graph, 3)))) == {8, 9}  # a branch waits


@pytest.mark.parametrize("count", [1, 4, 8])
def test_a_cut_model_has_no_more_operators_than_it_is_left(count):
    """What is cut off is not computed and thrown away: it is not there."""
    graph = read_graph(MIXED)
    part = read_graph(cut_after(MIXED, count, live_tensors(graph, count)))
    assert part.nodes == graph.nodes[:count]


@pytest.mark.parametrize("model", [b"", b"\x10\x00\x00\x00TFL3", b"\xff" * 64])
def test_what_is_no_flatbuffer_is_refused(model):
    """One line, not a crash of the interpreter."""
    with pytest.raises(ModelError):
        cut_after(model, 1, [0])


def test_more_operators_than_there_are_are_refused():
    """The vector of operators is only ever declared shorter."""
    with pytest.raises(ModelError, match="no 9 operators"):
        cut_after(MIXED, 9, [14])


def test_a_model_that_the_interpreter_refuses_is_told_in_one_line():
    """Its reason stands in the message."""
    with pytest.raises(ModelError, match="refuses the model"):
        open_part(b"no model at all", 1)
