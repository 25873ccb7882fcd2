"""What each instruction of CPython's does with the kinds on its stack (see `uses`)."""

from __future__ import annotations

import dis
import sys
import types
from typing import Any

from wengert.program.calls import Calls
from wengert.program.code_paths import Code
from wengert.program.kinds import (
    CLEAN,
    DATA,
    NEVER,
    NUMBER,
    PLAIN,
    SLICE,
    TRACED,
    Each,
    Kind,
    Kinds,
    Known,
    Made,
    Tuple,
)  # fmt: skip

ENDS = object()  # nothing follows


class Unknown(Exception):
    """Something is not understood."""


class Steps:
    """The state of an interpretation, and one method for each instruction that is understood."""

    calls: Calls
    kinds: Kinds
    code: Code
    names: Known  # the globals
    given: dict[str, Kind]  # of arguments and of variables of functions around it
    own: set[str]
    variables: dict[str, Kind]
    steps: list[dis.Instruction]
    at: dict[int, int]
    generator: bool
    line: int | None
    given_back: Kind
    exposed: list[tuple[Kind, int | None]]
    stack: list[Kind]
    k: int
    i: dis.Instruction

    def _to(self, k: int, stack: tuple[Kind, ...]) -> None:
        raise NotImplementedError

    # ---- what steps are made of

    def push(self, *kinds: Kind) -> None:
        self.stack.extend(kinds)

    def pop(self, n: int) -> list[Kind]:
        if n > len(self.stack):
            raise Unknown("a stack that does not fit")
        taken = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return taken

    def take(self) -> Kind:
        return self.pop(1)[0]

    def expose(self, *kinds: Kind) -> None:
        self.exposed += [(k, self.line) for k in kinds if self.kinds.holds_data(k)]

    def clean(self, *kinds: Kind) -> Kind:
        """Of what is made of the elements of these."""
        self.expose(*kinds)
        return NEVER if NEVER in kinds else CLEAN

    def refuse(self, what: str) -> Kind:
        raise Unknown(f"{what} in line {self.line}")

    def store(self, name: str, kind: Kind) -> None:
        if isinstance(kind, Each) and not self.kinds.holds_data(kind):
            kind = self.kinds.summary([kind])  # a list may grow under this name
        self.variables[name] = self.kinds.join(self.variables.get(name, NEVER), kind)

    def load(self, name: str) -> Kind:
        return self.variables.get(name, NEVER) if name in self.own else self.given.get(name, DATA)

    # ---- variables and constants

    def do_NOP(self) -> None:
        pass

    do_RESUME = do_PRECALL = do_MAKE_CELL = do_COPY_FREE_VARS = do_DELETE_FAST = do_NOT_TAKEN = do_KW_NAMES = do_NOP

    def do_LOAD_CONST(self) -> None:
        self.push(Known(self.i.argval))

    def do_LOAD_FAST(self) -> None:
        names = self.i.argval if isinstance(self.i.argval, tuple) else (self.i.argval,)
        self.push(*map(self.load, names))

    do_LOAD_FAST_CHECK = do_LOAD_FAST_BORROW = do_LOAD_FAST_LOAD_FAST = do_LOAD_FAST
    do_LOAD_FAST_BORROW_LOAD_FAST_BORROW = do_LOAD_FAST_AND_CLEAR = do_LOAD_DEREF = do_LOAD_FAST

    def do_STORE_FAST(self) -> None:
        self.store(self.i.argval, self.take())

    def do_STORE_FAST_STORE_FAST(self) -> None:
        for name in self.i.argval:
            self.store(name, self.take())

    def do_STORE_FAST_LOAD_FAST(self) -> None:
        first, second = self.i.argval
        self.store(first, self.take())
        self.push(self.load(second))

    def do_STORE_DEREF(self) -> None:
        if self.i.argval not in self.own:
            raise Unknown(f"it changes {self.i.argval} of another function")
        self.store(self.i.argval, self.take())

    def do_LOAD_CLOSURE(self) -> None:
        self.push(CLEAN)

    def do_PUSH_NULL(self) -> None:
        self.push(None)

    def do_LOAD_GLOBAL(self) -> None:
        value = self.calls.name(self.names, self.i.argval)
        null = [None] * ((self.i.arg or 0) & 1)
        self.push(*null, value)

    def do_IMPORT_NAME(self) -> None:
        _, items = self.pop(2)
        name = self.i.argval if items != Known(None) else self.i.argval.split(".")[0]
        module = sys.modules.get(name)
        self.push(DATA if module is None else Known(module))

    def do_IMPORT_FROM(self) -> None:
        self.push(self.calls.attribute(self, self.stack[-1], self.i.argval))

    # ---- the stack

    def do_POP_TOP(self) -> None:
        self.take()

    do_POP_EXCEPT = do_POP_TOP

    def do_END_FOR(self) -> None:
        self.pop(-dis.stack_effect(self.i.opcode, None))

    do_POP_ITER = do_END_FOR

    def do_COPY(self) -> None:
        self.push(self.stack[-self.i.arg])  # type: ignore[operator]

    def do_SWAP(self) -> None:
        n = -self.i.arg  # type: ignore[operator]
        self.stack[n], self.stack[-1] = self.stack[-1], self.stack[n]

    # ---- operators

    def do_BINARY_OP(self) -> None:
        a, b = self.pop(2)
        text = self.i.argrepr
        self.push(self.calls.subscript(self, a, b) if text == "[]" else self.calls.binary(self, text, a, b))

    def do_COMPARE_OP(self) -> None:
        a, b = self.pop(2)
        self.push(self.calls.binary(self, "<", a, b))

    def do_UNARY_NEGATIVE(self) -> None:
        x = self.take()
        self.push(x if x in (TRACED, NUMBER, PLAIN) else self.clean(x))

    do_UNARY_POSITIVE = do_UNARY_INVERT = do_UNARY_NEGATIVE

    def do_UNARY_NOT(self) -> None:
        self.push(self.condition(self.take()))

    do_TO_BOOL = do_UNARY_NOT

    def condition(self, x: Kind) -> Kind:
        """Asking whether it is true."""
        structure = (type(None), bool, list, tuple, dict, str, types.FunctionType)
        if isinstance(x, (Tuple, Each)) or (isinstance(x, Known) and all(type(o) in structure for o in x.objects)):
            return CLEAN
        return self.clean(x)

    def do_IS_OP(self) -> None:
        self.pop(2)
        self.push(CLEAN)

    def do_CONTAINS_OP(self) -> None:
        item, container = self.pop(2)
        keys = isinstance(container, Known) and all(type(o) in (dict, str, set, frozenset) for o in container.objects)
        self.push(self.clean(item) if keys else self.clean(item, container))

    def do_BINARY_SUBSCR(self) -> None:
        a, b = self.pop(2)
        self.push(self.calls.subscript(self, a, b))

    def do_BINARY_SLICE(self) -> None:
        a, *ends = self.pop(3)
        self.push(self.calls.subscript(self, a, self.slice(ends)))

    def do_STORE_SUBSCR(self) -> None:
        value, container, key = self.pop(3)
        self.change(value, container, key)

    def do_STORE_SLICE(self) -> None:
        value, container, *ends = self.pop(4)
        self.change(value, container, *ends)

    def change(self, value: Kind, container: Kind, *key: Kind) -> None:
        self.expose(*key)
        if container == TRACED:
            if not self.kinds.arrays(value):
                self.expose(value)
        elif isinstance(container, Known) and self.kinds.arrays(container):
            self.expose(container, value)
        elif container in (CLEAN, NEVER, PLAIN):
            self.expose(value)
        else:
            raise Unknown(f"a container is changed in line {self.line}")

    def do_STORE_ATTR(self) -> None:
        value, owner = self.pop(2)
        self.change(value, owner)

    def do_LOAD_ATTR(self) -> None:
        method = [None] * (sys.version_info >= (3, 12) and (self.i.arg or 0) & 1)
        self.push(*method, self.calls.attribute(self, self.take(), self.i.argval))

    def do_LOAD_METHOD(self) -> None:
        self.push(None, self.calls.attribute(self, self.take(), self.i.argval))

    # ---- what is made

    def slice(self, parts: list[Kind]) -> Kind:
        if all(isinstance(p, Known) and len(p.objects) == 1 for p in parts):
            return Known(slice(*(p.objects[0] for p in parts)))
        if all(self.kinds.number(p) or p == Known(None) for p in parts) and NUMBER not in parts:
            return SLICE
        return self.clean(*parts)

    def do_BUILD_SLICE(self) -> None:
        self.push(self.slice(self.pop(self.i.arg or 0)))

    def do_BUILD_TUPLE(self) -> None:
        self.push(Tuple(tuple(self.pop(self.i.arg or 0))))

    def do_BUILD_LIST(self) -> None:
        self.push(Each(self.kinds.joined(self.pop(self.i.arg or 0))))

    def do_BUILD_SET(self) -> None:
        self.push(self.clean(*self.pop(self.i.arg or 0)))

    def do_BUILD_MAP(self) -> None:
        self.push(self.kinds.summary(self.pop(2 * (self.i.arg or 0))))

    def do_BUILD_CONST_KEY_MAP(self) -> None:
        self.push(self.kinds.summary(self.pop((self.i.arg or 0) + 1)))

    def do_BUILD_STRING(self) -> None:
        self.push(self.clean(*self.pop(self.i.arg or 0)))

    def do_FORMAT_VALUE(self) -> None:
        self.push(self.clean(*self.pop(2 if (self.i.arg or 0) & 4 else 1)))

    def do_FORMAT_SIMPLE(self) -> None:
        self.push(self.clean(self.take()))

    do_CONVERT_VALUE = do_FORMAT_SIMPLE

    def do_FORMAT_WITH_SPEC(self) -> None:
        self.push(self.clean(*self.pop(2)))

    def do_LIST_APPEND(self) -> None:
        self.into(self.take())

    def do_LIST_EXTEND(self) -> None:
        self.into(self.kinds.item(self.take()))

    def into(self, item: Kind) -> None:
        at = -(self.i.arg or 0)
        held = self.stack[at]
        self.stack[at] = Each(self.kinds.join(held.item, item)) if isinstance(held, Each) else DATA

    def do_MAP_ADD(self) -> None:
        made = self.pop(2)
        at = -(self.i.arg or 0)
        self.stack[at] = self.kinds.summary([self.stack[at], *made])

    def do_DICT_UPDATE(self) -> None:
        made = self.take()
        at = -(self.i.arg or 0)
        self.stack[at] = self.kinds.summary([self.stack[at], made])

    do_DICT_MERGE = do_SET_UPDATE = do_SET_ADD = do_DICT_UPDATE

    def do_LIST_TO_TUPLE(self) -> None:
        pass

    def do_CALL_INTRINSIC_1(self) -> None:
        if self.i.argrepr == "INTRINSIC_UNARY_POSITIVE":
            self.do_UNARY_NEGATIVE()
        elif self.i.argrepr != "INTRINSIC_LIST_TO_TUPLE":
            raise Unknown(self.i.argrepr)

    def do_UNPACK_SEQUENCE(self) -> None:
        self.push(*reversed(self.kinds.unpacked(self.take(), self.i.arg or 0)))

    def do_UNPACK_EX(self) -> None:
        arg = self.i.arg or 0
        item = self.kinds.item(self.take())
        self.push(*[item] * (arg >> 8), Each(item), *[item] * (arg & 255))

    def do_MAKE_FUNCTION(self) -> None:
        made = self.take()
        flags = (self.i.arg or 0) if sys.version_info < (3, 13) else 0
        parts = self.pop(flags.bit_count())
        (code,) = made.objects
        cells = tuple((name, self.load(name)) for name in code.co_freevars)
        self.push(Made(code, cells, self.names, self.defaults(parts[0]) if flags & 1 else ()))

    def do_SET_FUNCTION_ATTRIBUTE(self) -> None:
        part, made = self.pop(2)
        self.push(made._replace(defaults=self.defaults(part)) if self.i.arg == 1 else made)

    def defaults(self, made: Kind) -> tuple[Kind, ...]:
        return made.parts if isinstance(made, Tuple) else tuple(map(self.kinds.of, made.objects[0]))

    # ---- calls

    def do_CALL(self, keywords: tuple[str, ...] | None = None) -> None:
        if keywords is None:
            before = [i for i in self.steps[max(0, self.k - 2) : self.k] if i.opname == "KW_NAMES"]
            keywords = self.code.co_consts[before[0].arg or 0] if before else ()
        a, b, *arguments = self.pop(2 + (self.i.arg or 0))
        if a is None or b is None:
            f = b if a is None else a
        else:
            f, arguments = a, [b, *arguments]
        named = arguments[len(arguments) - len(keywords) :] if keywords else []
        given = arguments[: len(arguments) - len(keywords)]
        self.push(self.calls.call(self, f, given, dict(zip(keywords, named, strict=True))))

    def do_CALL_KW(self) -> None:
        names = self.take()
        self.do_CALL(names.objects[0])

    def do_CALL_FUNCTION_EX(self) -> None:
        more = self.take() if (self.i.arg or 0) & 1 else CLEAN
        null, f, arguments = self.pop(3) if sys.version_info < (3, 13) else self._shuffled(self.pop(3))
        if null is not None:
            raise Unknown("a call")
        many = list(arguments.parts) if isinstance(arguments, Tuple) else [self.kinds.item(arguments)]
        self.push(self.calls.call(self, f, many, {"**": more}))

    @staticmethod
    def _shuffled(three: list[Kind]) -> list[Kind]:
        f, null, arguments = three
        return [null, f, arguments]

    def do_RETURN_VALUE(self) -> Any:
        if not self.generator:
            self.given_back = self.kinds.join(self.given_back, self.take())
        return ENDS

    def do_RETURN_CONST(self) -> Any:
        if not self.generator:
            self.given_back = self.kinds.join(self.given_back, Known(self.i.argval))
        return ENDS

    def do_RETURN_GENERATOR(self) -> None:
        self.push(CLEAN)

    def do_YIELD_VALUE(self) -> None:
        self.given_back = self.kinds.join(self.given_back, self.take())
        self.push(DATA)

    # ---- where it goes on

    def do_JUMP_FORWARD(self) -> Any:
        self._to(self.at[self.i.argval], tuple(self.stack))
        return ENDS

    do_JUMP_BACKWARD = do_JUMP_BACKWARD_NO_INTERRUPT = do_JUMP_FORWARD

    def do_POP_JUMP_IF_TRUE(self) -> None:
        self.condition(self.take())
        self._to(self.at[self.i.argval], tuple(self.stack))

    do_POP_JUMP_IF_FALSE = do_POP_JUMP_FORWARD_IF_TRUE = do_POP_JUMP_FORWARD_IF_FALSE = do_POP_JUMP_IF_TRUE
    do_POP_JUMP_BACKWARD_IF_TRUE = do_POP_JUMP_BACKWARD_IF_FALSE = do_POP_JUMP_IF_TRUE

    def do_POP_JUMP_IF_NONE(self) -> None:
        self.take()
        self._to(self.at[self.i.argval], tuple(self.stack))

    do_POP_JUMP_IF_NOT_NONE = do_POP_JUMP_FORWARD_IF_NONE = do_POP_JUMP_FORWARD_IF_NOT_NONE = do_POP_JUMP_IF_NONE
    do_POP_JUMP_BACKWARD_IF_NONE = do_POP_JUMP_BACKWARD_IF_NOT_NONE = do_POP_JUMP_IF_NONE

    def do_JUMP_IF_TRUE_OR_POP(self) -> None:
        self.condition(self.stack[-1])
        self._to(self.at[self.i.argval], tuple(self.stack))
        self.take()

    do_JUMP_IF_FALSE_OR_POP = do_JUMP_IF_TRUE_OR_POP

    def do_GET_ITER(self) -> None:
        self.push(Each(self.kinds.item(self.take())))

    def do_FOR_ITER(self) -> None:
        at_end = dis.stack_effect(self.i.opcode, self.i.arg, jump=True)
        rest = [*self.stack, *[CLEAN] * at_end] if at_end >= 0 else self.stack[:at_end]
        self._to(self.at[self.i.argval], tuple(rest))
        item = self.kinds.item(self.stack[-1])
        if item == NEVER:  # nothing, so far
            self.stack.append(NEVER)
            return
        self.push(item)

    # ---- exceptions and contexts

    def do_PUSH_EXC_INFO(self) -> None:
        self.push(CLEAN)

    def do_CHECK_EXC_MATCH(self) -> None:
        self.take()
        self.push(CLEAN)

    def do_RAISE_VARARGS(self) -> Any:
        self.expose(*self.pop(self.i.arg or 0))
        return ENDS

    def do_RERAISE(self) -> Any:
        return ENDS

    def do_LOAD_ASSERTION_ERROR(self) -> None:
        self.push(Known(AssertionError))

    def do_BEFORE_WITH(self) -> None:
        context = self.take()
        inside = DATA if self.kinds.holds_data(context) else CLEAN
        self.push(inside, inside)

    def do_WITH_EXCEPT_START(self) -> None:
        self.push(CLEAN)
