"""Vectors of float32 as a type of numba: written once, compiled to the widest registers of the CPU.

numba leaves it to LLVM to find vectors in loops. With ten arrays that may overlap it finds none, and for a square root
it takes the slow exact instruction. Here a vector is a value like any other: ``load`` it, calculate with ``+ - *``,
``store`` it. ``rsqrt`` and ``rcp`` are the hardware's estimates and one Newton step; ``rsqrt`` goes without the step
where the estimate is good to 2⁻¹⁴ (AVX-512). Elsewhere than on x86 they are exact. A product that is added is fused
with the sum where the CPU can.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.core.registry import cpu_target
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

# What numba compiles for, which its environment variables may set below what the CPU has.
_FEATURES: Final = frozenset(cpu_target.target_context.codegen().magic_tuple()[2].split(","))
_AVX512: Final = frozenset({"+avx512f", "+avx512dq", "+avx512vl"})
KIND: Final = "avx512" if _AVX512 <= _FEATURES else "avx" if "+avx" in _FEATURES else "other"
WIDTH: Final = 16 if KIND == "avx512" else 8
CHANNELS: Final = 4  # of a quad: picture, its two differences, nothing

FLOAT: Final = ir.FloatType()
INT: Final = ir.IntType(32)
_BLOCK: Final = ir.VectorType(FLOAT, WIDTH)
FLAGS: Final = ("contract",)


def intrinsic(function: Callable[..., Any]) -> Any:
    """numba's decorator, typed: a function that writes the code of a call."""
    return _intrinsic(function)


class VectorType(types.Type):  # type: ignore[misc]
    """``WIDTH`` float32 in a register."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{WIDTH}")


vector: Final = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _BLOCK)


def pointer_to(builder: Any, address: Any, index: Any, lanes: int) -> Any:
    """Where ``lanes`` floats begin, ``index`` floats after ``address``, for the code of an intrinsic."""
    floats = builder.inttoptr(address, FLOAT.as_pointer())
    kind = ir.VectorType(FLOAT, lanes) if lanes > 1 else FLOAT
    return builder.bitcast(builder.gep(floats, [index]), kind.as_pointer())


def call_llvm(builder: Any, name: str, result: Any, args: Any) -> Any:
    """Call a function that LLVM itself knows."""
    known = builder.module.globals.get(name)
    function = known or ir.Function(builder.module, ir.FunctionType(result, [arg.type for arg in args]), name)
    return builder.call(function, args)


def _loader(lanes: int, kind: Any) -> Any:
    @intrinsic
    def load_(typing: Any, address: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load(pointer_to(builder, args[0], args[1], lanes), align=4)

        return kind(types.intp, types.intp), generate

    return load_


def _storer(lanes: int, kind: Any) -> Any:
    @intrinsic
    def store_(typing: Any, address: Any, index: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            builder.store(args[2], pointer_to(builder, args[0], args[1], lanes), align=4)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, kind), generate

    return store_


def _byte_loader(lanes: int, kind: Any) -> Any:
    @intrinsic
    def load_(typing: Any, address: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            bytes_ = ir.IntType(8) if lanes == 1 else ir.VectorType(ir.IntType(8), lanes)
            values = builder.load(builder.inttoptr(builder.add(*args), bytes_.as_pointer()), align=1)
            return builder.uitofp(values, FLOAT if lanes == 1 else _BLOCK)

        return kind(types.intp, types.intp), generate

    return load_


# load(address, index), store(address, index, value): a vector that begins ``index`` floats after an address
load: Final = _loader(WIDTH, vector)
store: Final = _storer(WIDTH, vector)
# the same for one float
get: Final = _loader(1, types.float32)
put: Final = _storer(1, types.float32)
# bytes, as floats
load_bytes: Final = _byte_loader(WIDTH, vector)
get_byte: Final = _byte_loader(1, types.float32)


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """The same number in every lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return spread(builder, args[0])

    return vector(types.float32), generate


def spread(builder: Any, value: Any) -> Any:
    """``value`` in every lane."""
    one = builder.insert_element(ir.Constant(_BLOCK, ir.Undefined), value, INT(0))
    return builder.shuffle_vector(one, ir.Constant(_BLOCK, ir.Undefined), ir.VectorType(INT, WIDTH)([0] * WIDTH))


def _operator(function: Callable[..., Any], method: str) -> None:
    class _Template(ConcreteTemplate):  # type: ignore[misc]
        key = function
        cases: Final = [signature(vector, vector, vector)]

    infer_global(function)(_Template)

    @lower_builtin(function, vector, vector)  # type: ignore[untyped-decorator]
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, method)(*args, flags=FLAGS)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")


def choose(builder: Any, how: str, left: Any, right: Any) -> Any:
    """The smaller (``<``) or larger (``>``) in every lane; ``right`` where one is not a number."""
    return builder.select(builder.fcmp_ordered(how, left, right), left, right)


def _extremum(how: str) -> Any:
    @intrinsic
    def extremum(typing: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return choose(builder, how, *args)

        return vector(vector, vector), generate

    return extremum


@intrinsic
def clamp(typing: Any, value: Any, bound: Any) -> Any:
    """``value``, or ``bound`` with its sign where it is larger; ``bound`` is not negative."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        x, limit = args
        if KIND == "avx512":
            unused, all_lanes = ir.Constant(_BLOCK, ir.Undefined), ir.IntType(16)(-1)
            the_nearer_to_zero, no_change_of_rounding = INT(2), INT(4)
            how = [x, limit, the_nearer_to_zero, unused, all_lanes, no_change_of_rounding]
            return call_llvm(builder, "llvm.x86.avx512.mask.range.ps.512", _BLOCK, how)
        return choose(builder, "<", choose(builder, ">", x, builder.fneg(limit)), limit)

    return vector(vector, vector), generate


minimum: Final = _extremum("<")
maximum: Final = _extremum(">")


def _estimate(
    name: str, exact: Callable[[Any, Any], Any], newton: Callable[[Any, Any, Any], Any], *, refined: bool
) -> Any:
    """An intrinsic for an estimate of ``exact``, by the CPU's own instruction where there is one.

    ``refined``: with a Newton step even where the instruction has 14 bits.
    """

    @intrinsic
    def estimate(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            (x,) = args
            if KIND == "avx512":
                unused, all_lanes = ir.Constant(_BLOCK, ir.Undefined), ir.IntType(16)(-1)
                first = call_llvm(builder, f"llvm.x86.avx512.{name}14.ps.512", _BLOCK, [x, unused, all_lanes])
                return newton(builder, x, first) if refined else first
            if KIND == "avx":
                return newton(builder, x, call_llvm(builder, f"llvm.x86.avx.{name}.ps.256", _BLOCK, [x]))
            return exact(builder, x)

        return vector(vector), generate

    return estimate


def _constant(builder: Any, value: float) -> Any:
    return spread(builder, ir.Constant(FLOAT, value))


def _exact_rsqrt(builder: Any, x: Any) -> Any:
    return builder.fdiv(_constant(builder, 1.0), call_llvm(builder, f"llvm.sqrt.v{WIDTH}f32", _BLOCK, [x]))


def _better_rsqrt(builder: Any, x: Any, r: Any) -> Any:
    half = builder.fmul(builder.fmul(x, _constant(builder, 0.5)), r)
    rest = builder.fsub(_constant(builder, 1.5), builder.fmul(half, r, flags=FLAGS), flags=FLAGS)
    return builder.fmul(r, rest)


def _exact_rcp(builder: Any, x: Any) -> Any:
    return builder.fdiv(_constant(builder, 1.0), x)


def _better_rcp(builder: Any, x: Any, r: Any) -> Any:
    rest = builder.fsub(_constant(builder, 2.0), builder.fmul(x, r, flags=FLAGS), flags=FLAGS)
    return builder.fmul(r, rest)


rsqrt: Final = _estimate("rsqrt", _exact_rsqrt, _better_rsqrt, refined=False)
rcp: Final = _estimate("rcp", _exact_rcp, _better_rcp, refined=True)


@intrinsic
def floor(typing: Any, value: Any) -> Any:
    """The largest whole number that is not above, in every lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return call_llvm(builder, f"llvm.floor.v{WIDTH}f32", _BLOCK, args)

    return vector(vector), generate


@intrinsic
def total(typing: Any, value: Any) -> Any:
    """The sum over all lanes, by halves."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        (rest,) = args
        lanes = WIDTH
        while lanes > 1:
            lanes //= 2
            none = ir.Constant(rest.type, ir.Undefined)
            low, high = (
                builder.shuffle_vector(rest, none, ir.VectorType(INT, lanes)(list(range(first, first + lanes))))
                for first in (0, lanes)
            )
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, INT(0))

    return types.float32(vector), generate
