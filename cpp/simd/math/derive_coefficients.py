"""Writes coefficients.h: every polynomial of math.h, as a Chebyshev fit (near minimax) computed with mpmath.

Run `python derive_coefficients.py > coefficients.h` after changing an interval or a degree. The comment above each
polynomial gives the function, the interval and the largest error of the fit before rounding to the type.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60


def series(name: str, what: str, f: Callable, lo: float, hi: float, terms: dict[str, int]) -> None:
    """Print the polynomial of `f` on [lo, hi] for each type, constant term first."""
    print(f"template <class T>\nstruct {name};")
    for kind, n in terms.items():
        coefficients, error = mp.chebyfit(f, [mp.mpf(lo), mp.mpf(hi)], n, error=True)
        suffix = "f" if kind == "float" else ""
        print(f"// {what} on [{float(lo):.6g}, {float(hi):.6g}], error {mp.nstr(error, 2)}")
        print(f"template <>\nstruct {name}<{kind}> {{\n  static constexpr {kind} c[{n}] = {{")
        row = "     "
        for c in reversed(coefficients):
            digits = 17 if kind == "double" else 9
            text = " " + mp.nstr(c, digits, min_fixed=0, max_fixed=0) + suffix + ","
            if len(row) + len(text) > 118:
                print(row)
                row = "     "
            row += text
        print(row[:-1] + "};\n};")
    print()


def table(name: str, what: str, entries: dict[str, list]) -> None:
    """Print sixteen numbers for each type."""
    print(f"template <class T>\nstruct {name};\n// {what}")
    for kind, numbers in entries.items():
        text = ", ".join(f"{rounded(e, kind).hex()}{'f' if kind == 'float' else ''}" for e in numbers)
        print(f"template <>\nstruct {name}<{kind}> {{")
        print(f"  alignas(64) static constexpr {kind} c[16] = {{{text}}};\n}};")
    print()


def with_round_value(f: Callable, start: mp.mpf, step: mp.mpf, kind: str) -> mp.mpf:
    """A number of the type next to `start` at which f is one too, to within 2^-6 of its last place."""
    for i in range(20000):
        x = mp.mpf(rounded(start + i * step, kind))
        y = f(x)
        place = mp.mpf(2) ** (mp.floor(mp.log(abs(y), 2)) - (52 if kind == "double" else 23)) if y else mp.mpf(1)
        if abs(y - mp.mpf(rounded(y, kind))) <= place / 64:
            return x
    raise ValueError(f"no number next to {start} with such a value")


def logarithm_tables(suffix: str, base: mp.mpf | None) -> None:
    """1 / c and log(c) for c near the middle of the sixteen intervals of m in [0.75, 1.5) with one top four bits.

    c is 1 in the two intervals beside 1. Where m < 1, its exponent as floor(log2(x)) is one too small, and the table
    has the logarithm of 2 more, as the type rounds it: beside 1 the two cancel exactly. Not for base 10, where that
    would be too rough for floats.
    """
    unit = mp.log(base) if base else mp.mpf(1)
    centres = [mp.mpf(1)] + [1 + (j + mp.mpf(0.5)) / 16 for j in range(1, 8)]
    centres += [(1 + (j + mp.mpf(0.5)) / 16) / 2 for j in range(8, 15)] + [mp.mpf(1)]
    inverses: dict[str, list] = {}
    logarithms: dict[str, list] = {}
    for kind in ("double", "float"):
        step = mp.sqrt(2) * mp.mpf(2) ** (-40 if kind == "double" else -22)
        nothing = mp.mpf(0)
        two = mp.mpf(rounded(mp.log(2) / unit, kind)) if suffix != "Ten" else nothing
        inverses[kind], logarithms[kind] = [], []
        for j, c in enumerate(centres):

            def value(inverse: mp.mpf, more: mp.mpf = two if j >= 8 else nothing) -> mp.mpf:
                return more - mp.log(inverse) / unit

            inverses[kind].append(c if c == 1 else with_round_value(value, 1 / c, step, kind))
            logarithms[kind].append(value(inverses[kind][-1]))
    table(f"Log{suffix}Inverse", "1 / c, c near the middle of an interval of m", inverses)
    what = "log(c), by choice of c exact to some bits more than the type has" + (
        "" if suffix == "Ten" else "; more by that of 2 where m < 1"
    )
    table(f"Log{suffix}Centre", what, logarithms)


def log1p_rest(z: mp.mpf) -> mp.mpf:
    """(log(1 + z) - z) / z^2."""
    return (mp.log1p(z) - z) / z**2


def error_function(inverse_width: float, terms: int, kind: str) -> None:
    """erf around sixteen centres c = j / inverse_width: c, erf(c), 1 if c is 0, (erf(c + t) - erf(c)) / t less that."""
    half = mp.mpf(0.5) / inverse_width * mp.mpf("1.001")
    step = mp.sqrt(2) * mp.mpf(2) ** (-40 if kind == "double" else -20)
    centres = [mp.mpf(rounded(mp.mpf(j) / inverse_width, kind)) for j in range(16)]
    for j in range(1, 8):  # beyond, erf hardly moves with c
        centres[j] = with_round_value(mp.erf, centres[j], step, kind)
    rows, largest = [], mp.mpf(0)
    for c in centres:

        def slope(t: mp.mpf, c: mp.mpf = c) -> mp.mpf:
            if c == 0:
                return mp.erf(t) / t
            return (mp.erf(c + t) - mp.erf(c)) / t

        coefficients, error = mp.chebyfit(removable(slope), [-half if c else mp.mpf(0), half], terms, error=True)
        rows.append(list(reversed(coefficients)))
        if c == 0:
            rows[0][0] -= 1
        largest = max(largest, error * (1 if c == 0 else half))
    first = [mp.mpf(c == 0) for c in centres]
    columns = [centres, [mp.erf(c) for c in centres], first, *map(list, zip(*rows, strict=True))]
    print(f"// error {mp.nstr(largest, 2)}\ntemplate <> struct ErfTables<{kind}> {{")
    print(f"  static constexpr {kind} inverse_width = {inverse_width};")
    tail = "f" if kind == "float" else ""
    print(f"  alignas(64) static constexpr {kind} c[{terms + 3}][16] = {{")
    print(",\n".join("{" + ", ".join(f"{rounded(e, kind).hex()}{tail}" for e in column) + "}" for column in columns))
    print("};\n};\n")


def parts(name: str, what: str, entries: list, in_pairs: str = "") -> None:
    """Print numbers in three parts each; `in_pairs`: how sums in double-double use them."""
    print(f"// {what}, in three parts.\nstruct {name} {{")
    if in_pairs:
        print(f"  static constexpr int {in_pairs};")
    print(f"  static constexpr double c[{len(entries)}][3] = {{")
    rows = []
    for e in entries:
        row = []
        for _ in range(3):
            row.append(float(e))
            e -= mp.mpf(row[-1])
        rows.append("{" + ", ".join(v.hex() for v in row) + "}")
    print(", ".join(rows) + "};\n};\n")


def rounded(x: mp.mpf, kind: str) -> float:
    """x as the nearest double or float."""
    return float(x) if kind == "double" else struct.unpack("f", struct.pack("f", float(x)))[0]


def removable(f: Callable, at: float = 0) -> Callable:
    """f with its removable singularity at `at` filled from nearby."""
    return lambda z: f(z if abs(z - at) > mp.mpf(10) ** -18 else at + mp.mpf(10) ** -18)


def odd_rest(f: Callable) -> Callable:
    """(f(x) - x) / x^3 as a function of z = x^2."""
    return removable(lambda z: (f(mp.sqrt(z)) - mp.sqrt(z)) / mp.sqrt(z) ** 3)


def erfinv_over_x(w: mp.mpf) -> mp.mpf:
    """erfinv(x) / x where 1 - x^2 = exp(-w)."""
    if abs(w) < mp.mpf(10) ** -30:
        return mp.sqrt(mp.pi) / 2
    x = mp.sqrt(-mp.expm1(-w))
    rest = mp.exp(-w) / (1 + x)  # 1 - x
    y = mp.erfinv(x) if w < 20 else mp.sqrt(w) * mp.mpf("0.95")
    for _ in range(40):  # Halley's
        d = (mp.erfc(y) - rest) * mp.exp(y * y) * -mp.sqrt(mp.pi) / 2
        y -= d / (1 + y * d)
    return y / x


def both(double: int, single: int) -> dict[str, int]:
    return {"double": double, "float": single}


def main() -> None:
    print("// Written by derive_coefficients.py; do not edit.\n#pragma once\n\n#include <stdint.h>\n")
    print("namespace wengert::simd::WG_TARGET {\n")
    h = mp.log(2) / 2 * mp.mpf("1.0001")
    series("ExpPoly", "(exp(r) - 1 - r) / r^2", removable(lambda r: (mp.expm1(r) - r) / r**2), -h, h, both(11, 5))
    h16 = mp.log(2) / 32 * mp.mpf("1.0001")
    series(
        "ShortExpPoly",
        "(exp(r) - 1 - r) / r^2",
        removable(lambda r: (mp.expm1(r) - r) / r**2),
        -h16,
        h16,
        both(5, 2),
    )
    series(
        "ShortExpm1Poly",
        "(exp(r) - 1 - r) / r^2",
        removable(lambda r: (mp.expm1(r) - r) / r**2),
        -h16,
        h16,
        both(6, 3),
    )
    powers = [mp.power(2, mp.mpf(j) / 16) for j in range(16)]
    kinds = ("double", "float")
    table("ExpPowers", "2^(j/16)", {kind: powers for kind in kinds})
    lows = {kind: [power / mp.mpf(rounded(power, kind)) - 1 for power in powers] for kind in kinds}
    table("ExpPowersLow", "What the rounding of 2^(j/16) left, relative to it", lows)
    series("SinhPoly", "(sinh(r) - r) / r^3 in r^2", odd_rest(mp.sinh), 0, h**2, both(6, 3))
    series(
        "CoshPoly",
        "(cosh(r) - 1) / r^2 in r^2",
        removable(lambda z: 2 * mp.sinh(mp.sqrt(z) / 2) ** 2 / z),
        0,
        h**2,
        both(6, 3),
    )
    series("TanhPoly", "(tanh(r) - r) / r^3 in r^2", odd_rest(mp.tanh), 0, (h * 3 / 4) ** 2, both(8, 3))
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mp.mpf("1.0001")
    series(
        "LogPoly",
        "(2 atanh(s) - 2 s) / s^3 in s^2",
        removable(lambda z: 2 * (mp.atanh(mp.sqrt(z)) - mp.sqrt(z)) / mp.sqrt(z) ** 3),
        0,
        s**2,
        both(7, 3),
    )
    logarithm_tables("", None)
    logarithm_tables("Two", mp.mpf(2))
    logarithm_tables("Ten", mp.mpf(10))
    near = (mp.mpf(-1) / 31, mp.mpf("1.001") / 16)
    for name, unit in [("", mp.mpf(1)), ("Two", mp.log(2)), ("Ten", mp.log(10))]:
        series(
            f"Log{name}ShortPoly",
            f"(log(1 + f) - f) / f^2{', over ln ' + {'Two': '2', 'Ten': '10'}[name] if name else ''}",
            removable(lambda f, unit=unit: log1p_rest(f) / unit),
            *near,
            both(10, 4),
        )
    series(
        "LogTailPoly",
        "(2 atanh(s) - 2 s - 2/3 s^3) / s^5 in s^2",
        removable(lambda z: 2 * (mp.atanh(mp.sqrt(z)) - mp.sqrt(z) - mp.sqrt(z) ** 3 / 3) / mp.sqrt(z) ** 5),
        0,
        s**2,
        {"double": 9},
    )
    w = (mp.pi / 2 * mp.mpf("1.01")) ** 2
    sixth = mp.mpf("-0.16666667163372039794921875")  # -1/6 as a float, taken as it is: the others make up for its error
    rest = odd_rest(mp.sin)
    series(
        "WideSinPoly",
        "((sin(r) - r) / r^3 - c) / r^2 in r^2, c = -1/6 in float,",
        lambda z: (rest(z) - sixth) / z,
        0.3,
        w,
        {"float": 4},
    )
    q = (mp.pi / 4 * mp.mpf("1.0001")) ** 2
    series("SinPoly", "(sin(r) - r) / r^3 in r^2", odd_rest(mp.sin), 0, q, {"double": 7})
    series(
        "CosPoly",
        "(cos(r) - 1 + r^2/2) / r^4 in r^2",
        removable(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2),
        0,
        q,
        {"double": 7},
    )
    series("TanPoly", "(tan(r) - r) / r^3 in r^2", odd_rest(mp.tan), 0, q, {"float": 7})
    series("AtanPoly", "(atan(t) - t) / t^3 in t^2", odd_rest(mp.atan), 0, mp.mpf("0.6601") ** 2, both(18, 8))
    series("AsinPoly", "(asin(x) - x) / x^3 in x^2", odd_rest(mp.asin), 0, 0.25, both(14, 6))
    series("AsinhPoly", "(asinh(x) - x) / x^3 in x^2", odd_rest(mp.asinh), 0, 0.25, both(13, 6))
    series(
        "ErfPoly",
        "erf(x) / x - 1 in x^2",
        removable(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1),
        0,
        0.5,
        {"double": 11},
    )
    print(
        "// erf in sixteen intervals: their centres c, erf(c), 1 where c is 0, and\n"
        "// (erf(c + t) - erf(c)) / t less that as polynomials in t."
    )
    print("template <class T> struct ErfTables;")
    error_function(2.609375, 13, "double")
    error_function(3.875, 6, "float")
    a = mp.mpf(4)

    def scaled_erfc(y: mp.mpf) -> mp.mpf:
        x = a * (1 + y) / (1 - y)
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)

    top = (mp.mpf(28) - a) / (mp.mpf(28) + a)
    middle = scaled_erfc(mp.mpf(0))
    series(
        "ErfcPoly",
        "(S - S(4)) / y, S = (1 + 2 x) exp(x^2) erfc(x), y = (x - 4) / (x + 4),",
        removable(lambda y: (scaled_erfc(y) - middle) / y),
        -1,
        top,
        {"double": 24},
    )
    hi = mp.mpf(float(middle))
    print(f"// S(4), in two parts.\ninline constexpr double erfc_middle = {float(hi)!r};")
    print(f"inline constexpr double erfc_middle_lo = {float(middle - hi)!r};\n")
    for name, what, argument, lo, hi, terms in (
        ("ErfinvPoly", "w - 3.125", lambda t: t + mp.mpf("3.125"), -3.125, 3.125, 24),
        ("ErfinvTailPoly", "sqrt(w) - 3.25", lambda t: (t + mp.mpf("3.25")) ** 2, -0.75, 0.75, 20),
        ("ErfinvFarPoly", "sqrt(w) - 5", lambda t: (t + 5) ** 2, -1, 1.01, 19),
    ):
        series(
            name,
            f"erfinv(x) / x, w = -log(1 - x^2), in {what}",
            lambda t, argument=argument: erfinv_over_x(argument(t)),
            lo,
            hi,
            {"double": terms},
        )
    series(
        "LgammaPoly",
        "lgamma(x) / ((x - 1) (x - 2)) in x - 1.85",
        lambda t: mp.loggamma(t + mp.mpf("1.85")) / ((t + mp.mpf("0.85")) * (t - mp.mpf("0.15"))),
        -1.15,
        1.15,
        {"double": 36},
    )
    series("CbrtPoly", "cbrt(x)", mp.cbrt, 0.35, 2.83, both(5, 5))
    root = mp.findroot(mp.digamma, 1.4616)
    hi = mp.mpf(float(root))
    series(
        "DigammaPoly",
        "digamma(x) / (x - x0) in x - 2",
        removable(lambda t: mp.digamma(t + 2) / (t + 2 - root), root - 2),
        -1,
        1,
        {"double": 31},
    )
    print(f"// The positive zero of digamma, in two parts.\ninline constexpr double digamma_root = {float(hi)!r};")
    print(f"inline constexpr double digamma_root_lo = {float(root - hi)!r};\n")
    parts(
        "AtanhSeries", "1 / (2 k + 1)", [1 / mp.mpf(2 * k + 1) for k in range(26)], "pair_terms = 22, pair_exact = 12"
    )
    odd = [(-1) ** k / mp.factorial(2 * k + 1) for k in range(18)]
    parts("SinSeries", "(-1)^k / (2 k + 1)!", odd, "pair_terms = 15, pair_exact = 10")
    even = [(-1) ** k / mp.factorial(2 * k) for k in range(18)]
    parts("CosSeries", "(-1)^k / (2 k)!", even, "pair_terms = 16, pair_exact = 10")
    bernoulli = [(2 * k, mp.bernoulli(2 * k)) for k in range(1, 29)]
    stirling = [b / (k * (k - 1)) for k, b in bernoulli]
    few = "pair_terms = 16, pair_exact = 8"
    parts("StirlingSeries", "B(2 k) / (2 k (2 k - 1)), k = 1, 2, …", stirling, few)
    parts("DigammaSeries", "-B(2 k) / (2 k), k = 1, 2, …", [-b / k for k, b in bernoulli], few)
    exponential = [1 / mp.factorial(k + 1) for k in range(32)]
    parts("ExpSeries", "1 / (k + 1)!", exponential, "pair_terms = 15, pair_exact = 5")
    parts("GammaConstants", "ln 2, pi, log(2 pi) / 2", [mp.log(2), mp.pi, mp.log(2 * mp.pi) / 2])
    print("// The bits of 2/pi after the binary point, 64 a word, for the reduction of huge angles.")
    mp.mp.prec = 1500
    bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (64 * 20)))
    words = [f"0x{(bits >> (64 * (19 - i))) & (2**64 - 1):016x}" for i in range(20)]
    print("inline constexpr uint64_t two_over_pi[20] = {")
    for i in range(0, 20, 4):
        print("    " + ", ".join(words[i : i + 4]) + ("," if i < 16 else "};"))
    print("\n}  // namespace wengert::simd::WG_TARGET")


if __name__ == "__main__":
    main()
