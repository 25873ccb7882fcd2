"""Names and keywords that people bring from other libraries, and what they are called here.

A missing name must cost next to nothing: libraries probe with `hasattr`. So there is one look into a table; that a name
is spelled almost like another is said by the interpreter, which looks for it when it prints the error.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

_F = TypeVar("_F", bound=Callable[..., Any])

_NO_RULE = "numpy.{} works on plain values (x.detach().numpy()), without derivatives"
_DTYPES = "the dtypes are float64, float32, int64, int32 and bool_"
_LEAF = "wengert.array(x, requires_grad=True) makes one, and its type is wengert.Array"
_OPTIMIZERS = "there are SGD and Adam; for another, derive from wengert.optim.Optimizer"
_KEYS = "randomness comes from keys: key = wengert.random.key(seed)"
_MAIN_MEMORY = "arrays are in main memory, no other device is known"

_FUNCTIONS = [
    "abs", "absolute", "cosh", "cos", "erf", "exp", "expm1", "floor", "log", "log1p", "log_softmax", "logsumexp",
    "matmul", "median", "outer", "pow", "relu", "rsqrt", "sigmoid", "sign", "sin", "sinh", "softmax",
    "softplus", "sqrt", "square", "tan", "tanh", "where",
]  # fmt: skip

NAMES: dict[str, dict[str, str]] = {
    "wengert": {
        "jit": "use wengert.compile(f)",
        "function": "use wengert.compile(f)",
        "pmap": "use wengert.vmap(f)",
        "tensor": _LEAF,
        "Tensor": _LEAF,
        "Variable": _LEAF,
        "Parameter": _LEAF,
        "ndarray": "the type is wengert.Array",
        "value_and_gradient": "use wengert.value_and_grad(f)",
        "gradient": "use wengert.grad(f)",
        "GradientTape": "use wengert.grad(f), or backward() of arrays made with requires_grad=True",
        "backward": "it is a method of the result: loss.backward()",
        "make_vjp": "use wengert.vjp(f, x)",
        "make_jvp": "use wengert.jvp(f, (x,), (tangent,))",
        "make_hvp": "use wengert.hvp(f, x, v)",
        "egrad": "use wengert.elementwise_grad(f)",
        "jac": "use wengert.jacobian(f)",
        "hess": "use wengert.hessian(f)",
        "grad_and_aux": "use wengert.grad(f, has_aux=True)",
        "detach": "use wengert.stop_gradient(x), or x.detach()",
        "stop_grad": "use wengert.stop_gradient(x)",
        "enable_grad": "recording is on outside `with wengert.no_grad():`",
        "inference_mode": "use wengert.no_grad()",
        "set_grad_enabled": "use wengert.no_grad()",
        "remat": "use wengert.checkpoint(f)",
        "custom_gradient": "use wengert.custom_vjp",
        "Function": "use wengert.custom_vjp",
        "primitive": "use wengert.custom_vjp",
        "lax": "the loops are wengert.scan, wengert.fori_loop, wengert.while_loop and wengert.cond",
        "tree_map": "optree has it: optree.tree_map(f, tree)",
        "tree_util": "optree has it: optree.tree_map(f, tree)",
        "nn": "layers are functions: wengert.numpy has relu, softmax and their kin, the demo two networks",
        "manual_seed": _KEYS,
        "seed": _KEYS,
        "load": "use wengert.load_program(path) for a compiled function",
    },
    "wengert.numpy": {
        "tensor": "use array",
        "cat": "use concatenate",
        "clamp": "use clip",
        "mm": "use matmul",
        "bmm": "use matmul",
        "unsqueeze": "use expand_dims",
        "view": "use reshape",
        "permute": "use transpose",
        "numel": "use size",
        "flatten": "use ravel",
        "gather": "use take_along_axis",
        "scatter": "use index_update or index_add",
        "masked_fill": "use where(mask, value, x)",
        "masked_select": "use x[mask]",
        "expit": "use sigmoid",
        "logit": "use log(p) - log1p(-p)",
        "swish": "use silu",
        "leaky_relu": "use where(x > 0, x, slope * x)",
        "elu": "use where(x > 0, x, expm1(x))",
        "one_hot": "use eye(n)[labels]",
        "psi": "use digamma",
        "gammaln": "use lgamma",
        "dropout": "use wengert.random.dropout(key, x, rate)",
        "random": "use wengert.random",
        "grad": "use wengert.grad(f); gradient is NumPy's, by differences",
        **dict.fromkeys(["float16", "float128", "longdouble", "half", "single", "double", "bfloat16"], _DTYPES),
        **dict.fromkeys(["complex64", "complex128", "int8", "int16", "uint8", "uint16", "uint32", "uint64"], _DTYPES),
    },
    "wengert.numpy.linalg": {"transpose": "use matrix_transpose", "dot": "use matmul"},
    "wengert.random": {
        "PRNGKey": _KEYS,
        "seed": _KEYS,
        "manual_seed": _KEYS,
        "default_rng": _KEYS,
        "RandomState": _KEYS,
        "randn": "use normal(key, shape)",
        "standard_normal": "use normal(key, shape)",
        "rand": "use uniform(key, shape)",
        "random": "use uniform(key, shape)",
        "integers": "use randint(key, shape, minval, maxval)",
        "shuffle": "use permutation(key, x)",
        "randperm": "use permutation(key, n)",
    },
    "wengert.optim": {
        "adam": "use Adam",
        "sgd": "use SGD",
        "momentum": "use SGD(params, lr, momentum=0.9)",
        **dict.fromkeys(["AdamW", "RMSprop", "Adagrad", "LBFGS", "adamw", "rmsprop"], _OPTIMIZERS),
        "clip_grad_norm_": "use clip_by_global_norm(grads, max_norm)",
        "global_norm": "use clip_by_global_norm(grads, max_norm)",
        "apply_updates": "apply of an optimiser returns the new parameters",
        "lr_scheduler": "assign to the optimiser's lr",
    },
    "wengert.Array": {
        **{name: f"use wengert.numpy.{name}(x)" for name in _FUNCTIONS},
        "norm": "use wengert.numpy.linalg.norm(x)",
        "mm": "use x @ y",
        "t": "use x.T",
        "dim": "use x.ndim",
        "numel": "use x.size",
        "expand": "use wengert.numpy.broadcast_to(x, shape)",
        "permute": "use x.transpose(axes)",
        "unsqueeze": "use wengert.numpy.expand_dims(x, axis), or x[:, None]",
        "clamp": "use x.clip(low, high)",
        "clone": "use x.copy()",
        "float": "use x.astype(float)",
        "double": "use x.astype(float)",
        "long": "use x.astype(int)",
        "data": "use x.detach() for the values; assign with x[...] = values inside `with wengert.no_grad():`",
        "at": "use wengert.numpy.index_update(x, index, values) or index_add",
        "requires_grad_": "assign x.requires_grad = True",
        "grad_fn": "wengert.record and wengert.graph show what was recorded",
        "zero_grad": "assign x.grad = None, or use zero_grad() of the optimiser",
        **dict.fromkeys(["cpu", "cuda", "to", "device"], _MAIN_MEMORY),
    },
}

KEYWORDS = {
    "dim": "it is called axis here",
    "dims": "it is called axis here",
    "dimension": "it is called axis here",
    "keepdim": "it is called keepdims here",
    "keep_dims": "it is called keepdims here",
    "argnum": "it is called argnums here",
    "wrt": "give argnums, the positions of the arguments",
    "learning_rate": "it is called lr here",
    "step_size": "it is called lr here",
    "beta1": "give betas=(beta1, beta2)",
    "b1": "give betas=(beta1, beta2)",
    "epsilon": "it is called eps here",
    "retain": "it is called retain_graph here",
    "gradient": "it is called cotangent here",
    "create_graph": "for derivatives of derivatives nest the transforms: wengert.grad(wengert.grad(f))",
    "requires_grad": "make the array with wengert.array(x, requires_grad=True)",
    "device": _MAIN_MEMORY,
    "allow_int": "integers have no derivative here, pass floats",
    "holomorphic": "there are no complex numbers here",
}


@functools.cache
def _numpy_names(linear_algebra: bool) -> frozenset[str]:
    return frozenset(dir(np.linalg if linear_algebra else np))


def _hint(module: str, name: str, beside: Callable[[], ModuleType] | None) -> str | None:
    hint = NAMES[module].get(name)
    if hint or name.startswith("_"):
        return hint
    if beside and name in vars(found := beside()):
        return f"it is {found.__name__}.{name}"
    if module == "wengert.numpy":
        if name in vars(sys.modules["wengert.numpy.linalg"]):
            return f"it is wengert.numpy.linalg.{name}"
        if name in _numpy_names(False):
            return _NO_RULE.format(name)
    if module in ("wengert.numpy", "wengert.numpy.linalg") and name in _numpy_names(True):
        return _NO_RULE.format(f"linalg.{name}")
    return None


def missing(module: str, name: str, beside: Callable[[], ModuleType] | None = None) -> AttributeError:
    """The error for a name that a module of wengert does not have; `beside` gives another one that may have it."""
    hint = _hint(module, name, beside)
    text = f"{module} has no '{name}': {hint}" if hint else f"{module} has no '{name}'"
    return AttributeError(text, name=name, obj=sys.modules[module])


class MissingMethod:
    """Stands in Array's dictionary for what Array does not have: a look-up of its own would slow every attribute."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        raise AttributeError(
            f"wengert.Array has no '{self.name}': {NAMES['wengert.Array'][self.name]}", name=self.name, obj=owner
        )


def keyword(name: str) -> str:
    """What to say about a keyword argument nobody takes, in parentheses; nothing if there is nothing to say."""
    hint = KEYWORDS.get(name)
    return f" ({hint})" if hint else ""


def explain_keywords(function: _F) -> _F:
    """`function`, with a hint in the error for a keyword it does not take. Costs 100 ns a call: not for loops."""

    @functools.wraps(function)
    def explained(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            text = str(error)
            for name in kwargs:
                if name in KEYWORDS and text.endswith(f"unexpected keyword argument '{name}'"):
                    raise TypeError(f"{text}{keyword(name)}") from None
            raise

    return explained  # type: ignore[return-value]
