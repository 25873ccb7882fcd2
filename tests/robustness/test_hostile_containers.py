"""Containers that change while they are read, are nested without an end, or contain themselves."""

from hostile_processes import ended

# An object that empties the list it is in, or changes the dict, whenever somebody asks it anything.
EVIL = """
def fill():
    gc.collect()
    return [[0.0] * 10 for _ in range(1000)]
class Evil:
    shape, dtype, ndim = (3,), np.dtype(float), 1
    def act(self):
        l.clear(); d.clear(); return fill()
    def __array__(self, dtype=None, copy=None): self.act(); return np.ones(3)
    def __index__(self): self.act(); return 1
    def __float__(self): self.act(); return 1.0
    def __bool__(self): self.act(); return True
    def __len__(self): self.act(); return 1
    def __hash__(self): self.act(); return 1
    def __eq__(self, other): self.act(); return True
d = {}
def items(n=50): return [wg.array(np.ones(3) + i) for i in range(n)]
l = [Evil()] + items()
x = wg.array(np.ones((4, 5, 6)))
EVERYWHERE = optree.registry.__GLOBAL_NAMESPACE
def register(kind, flatten, unflatten): optree.register_pytree_node(kind, flatten, unflatten, namespace=EVERYWHERE)
"""
NODE = """
class Node:
    def __init__(self, *parts): self.parts = list(parts)
leaves = 1
def flatten(node):
    fill()
    return [wg.array(np.ones(3) * i) for i in range(leaves)], None, None
register(Node, flatten, lambda _, parts: Node(*parts))
"""
BORROWED = {
    "operand": "survived(lambda: wg.array(1.0) + l)",
    "operand, left": "survived(lambda: l + wg.array(1.0))",
    "operand in place": "survived(lambda: x.__iadd__(l))",
    "comparison": "survived(lambda: x < l)",
    "logical": "survived(lambda: (x > 0) & l)",
    "matmul": "survived(lambda: x @ l)",
    "power": "survived(lambda: x ** l)",
    "divmod": "survived(lambda: divmod(x, l))",
    "nested": "l[:] = [[Evil()] + items(), items()]\nsurvived(lambda: wg.array(1.0) + l)",
    "inner": "inner = l; l = [items(1), [Evil(), *items()], items(1)]\nsurvived(lambda: wg.array(1.0) + l)",
    "inner of inner": "outer = [[[Evil(), *items()], l], l]\nsurvived(lambda: wg.array(1.0) + outer)",
    "array": "survived(wg.array, l)",
    "asarray": "survived(wg._core.asarray, l)",
    "apply stack": "survived(wg.apply, 'stack', l)",
    "apply concatenate": "survived(wg.apply, 'concatenate', l)",
    "apply where": "survived(wg.apply, 'where', l, 1.0, l)",
    "apply, generator that changes the list": "survived(wg.apply, 'stack', (v for v in l if l.pop() is not None))",
    "wnp.where": "survived(wnp.where, l, 1.0, 2.0)",
    "wnp.concatenate": "survived(wnp.concatenate, l)",
    "wnp.stack": "survived(wnp.stack, l)",
    "wnp.block": "survived(wnp.block, l)",
    "wnp.array": "survived(wnp.array, l)",
    "wnp.einsum": "survived(wnp.einsum, 'ij,ij', l, l)",
    "wnp.select": "survived(wnp.select, l, l)",
    "index": "survived(lambda: x[l])",
    "index in a tuple": "survived(lambda: x[l, l])",
    "index, object with __index__": "survived(lambda: x[Evil(), Evil()])",
    "assignment at": "survived(lambda: x.__setitem__(l, 1.0))",
    "assignment of": "survived(lambda: x.__setitem__(0, l))",
    "index_update": "survived(wg._core.ops.index_update, x, l, l)",
    "reshape to a list": "l = [Evil(), 2, 3, 4] + [1] * 20\nsurvived(x.reshape, l)",
    "reshape": "survived(x.reshape, Evil(), 2)",
    "transpose": "l = [Evil(), 0, 2] + [0] * 20\nsurvived(x.transpose, l)",
    "sum over axes": "l = [Evil()] + [0] * 20\nsurvived(x.sum, l)",
    "expand_dims": "l = [Evil()] + [0] * 20\nsurvived(wnp.expand_dims, x, l)",
    "squeeze": "l = [Evil()] + [0] * 20\nsurvived(wnp.squeeze, x, l)",
    "broadcast_to": "l = [Evil(), 4, 5, 6] + [1] * 20\nsurvived(wnp.broadcast_to, x, l)",
    "slice parameters": "l = [Evil(), 0, 0]\nsurvived(lambda: wg.apply('slice', x, l, l, l, l))",
    "indices parameter": "survived(lambda: wg.apply('gather', x, indices=l, lead=1))",
    "keepdims": "survived(lambda: x.sum(0, keepdims=Evil()))",
    "cotangent": "w = wg.array(np.ones(3), requires_grad=True)\nsurvived((w * 2).backward, l)",
    "retain_graph": "w = wg.array(np.ones(3), requires_grad=True)\nsurvived((w * 2).sum().backward, None, Evil())",
    "grad of a list": "survived(wg.grad(lambda x: x[0].sum()), l)",
    "grad of a dict with such a key": (
        "d = {'a': items(1), Evil(): 1.0}; d.update({i: 1.0 for i in range(100)})\nsurvived(wg.grad(lambda x: 1.0), d)"
    ),
    "jacobian of a list": "survived(wg.jacobian(lambda x: x[0]), l)",
    "vjp": "survived(wg.vjp, lambda x: x, l)",
    "jvp": "survived(wg.jvp, lambda x: x, (l,), (l,))",
    "compiled": "survived(wg.compile(lambda x: x), l)",
    "compiled, inner": "survived(wg.compile(lambda x: x), [l, {'a': l}, items()])",
    "compiled, key": "d = {'a': items(1), Evil(): 1.0}\nd.update({i: 1.0 for i in range(100)})\n"
    "survived(wg.compile(lambda x: 1.0), d)",
    "compiled, static": "survived(wg.compile(lambda l, e: 1.0, static_argnums=1), l, Evil())",
    "compiled, cleared while it is recorded": (
        "l = [np.ones(300) * i for i in range(100)]\n"
        "def f(x):\n  x[0] += 1\n  l.clear(); fill()\n  return x\n"
        "assert survived(wg.compile(f), l) is l"
    ),
    "compiled, dict cleared while it is recorded": (
        "d = {str(i): np.ones(300) * i for i in range(100)}\n"
        "def f(x):\n  for v in x.values(): v += 1\n  d.clear(); fill()\n  return x['5']\n"
        "assert (survived(wg.compile(f), d) == 6).all()"
    ),
    "compiled, donated and cleared": (
        "l = [np.ones(300) * i for i in range(100)]\n"
        "def f(x):\n  l.clear(); fill()\n  return [v * 2 for v in x]\n"
        "assert (survived(wg.compile(f, donate_argnums=0), l)[3] == 6).all()"
    ),
    "compiled, cleared by what is returned": (
        "class R:\n  pass\n"
        "register(R, lambda r: (l.clear() or [fill()], None, None), lambda _, p: R())\n"
        "l = items()\n"
        "def f(x):\n  l[:] = [R()] + items()\n  return l\n"
        "survived(wg.compile(f), 1.0)"
    ),
    "node with new leaves": NODE + "f = wg.compile(lambda n, x: n.parts[0] * x)\nfor _ in range(3): f(Node(), 2.0)",
    "nodes with new leaves": (
        NODE + "f = wg.compile(lambda n, x: n[3].parts[0] * x)\nfor _ in range(3): f([Node()] * 20, np.ones(3))"
    ),
    "node with new leaves, grad": NODE + "survived(wg.grad(lambda n: n.parts[0].sum()), Node())",
    "node with fewer leaves every time": (
        NODE + "def flatten2(n):\n  global leaves\n  leaves -= 1\n  return flatten(n)\n"
        "class Fewer(Node): pass\n"
        "register(Fewer, flatten2, lambda _, p: Fewer(*p))\nleaves = 40\n"
        "for _ in range(50): survived(wg.compile(lambda n: n.parts[0] if n.parts else 1.0), Fewer())"
    ),
    "node with more leaves every time": (
        NODE + "def flatten2(n):\n  global leaves\n  leaves += 1\n  return flatten(n)\n"
        "class More(Node): pass\n"
        "register(More, flatten2, lambda _, p: More(*p))\n"
        "for _ in range(5): refused(wg.compile(lambda n: n.parts[0]), More())"
    ),
    "node whose flattening empties the arguments": (
        NODE + "class Clear(Node): pass\n"
        "register(Clear, lambda n: (l.clear() or [], None, None), lambda _, p: Clear(*p))\n"
        "l = [*items(), Clear(), *items()]\nsurvived(wg.compile(lambda x: x), l)"
    ),
    "node that becomes a leaf": (
        NODE + "class Gone(Node): pass\n"
        "def gone(n):\n  optree.unregister_pytree_node(Gone, namespace=EVERYWHERE)\n  return [1.0], None, None\n"
        "register(Gone, gone, lambda _, p: Gone(*p))\n"
        "survived(wg.compile(lambda n: 1.0), Gone())"
    ),
    "__array_ufunc__ with a method that is no text": "refused(x.__array_ufunc__, np.sin, b'x', 1.0)",
    "__array_ufunc__ with a number for a method": "refused(x.__array_ufunc__, np.sin, 5, x)",
    "__array_ufunc__ of no ufunc": "refused(x.__array_ufunc__, [], '__call__', x)",
    "__array_ufunc__ without operands": "refused(x.__array_ufunc__, np.sin, '__call__')",
    "__array_ufunc__ of nothing": "refused(x.__array_ufunc__)",
    "__array_ufunc__ of a list": "refused(x.__array_ufunc__, np.sin, '__call__', l)",
    "__array_function__ of nothing": "refused(x.__array_function__)",
    "__array_function__ of no function": "refused(x.__array_function__, 1, 2, 3, 4)",
    "__array__ with a wrong type": "refused(x.__array__, 'no type')",
    "a key that raises is asked once": (
        "class K:\n  def __hash__(self): raise KeyError('mine')\n"
        "try: wg.compile(lambda x, k: x, static_argnums=1)(1.0, K())\nexcept KeyError: pass"
    ),
    "an interrupt in __index__ stays one": (
        "class I:\n  def __index__(self): raise KeyboardInterrupt\n"
        "for f in (lambda: x.reshape(I()), lambda: x[I()], lambda: x.sum(I()), lambda: x.reshape([I()])):\n"
        "  try: f(); raise AssertionError\n  except KeyboardInterrupt: pass"
    ),
}

# Nested and self-containing containers, and what takes them.
DEEP = """
def nest(wrap, n):
    c = 1.0
    for _ in range(n): c = wrap(c)
    return c
def selfish_list():
    l = [1.0]; l.append(l); return l
def selfish_dict():
    d = {'b': 1.0}; d['a'] = d; return d
def selfish_tuple():
    l = [1.0]; t = (l,); l.append(t); return t
import collections
Pair = collections.namedtuple("Pair", "a b")
a = wg.array([1.0])
shapes = {
    "a list in itself": selfish_list, "a dict in itself": selfish_dict, "a tuple in itself": selfish_tuple,
    "lists": lambda: nest(lambda c: [c], 30_000), "tuples": lambda: nest(lambda c: (c,), 30_000),
    "dicts": lambda: nest(lambda c: {"a": c}, 30_000), "named tuples": lambda: nest(lambda c: Pair(c, 1.0), 30_000),
    "lists of an array": lambda: nest(lambda c: [a, c], 30_000),
    "ordered dicts": lambda: nest(lambda c: collections.OrderedDict(a=c), 30_000),
    "as many lists as may be": lambda: nest(lambda c: [c], 250), "as many dicts": lambda: nest(lambda c: {"a": c}, 250),
    "as many named tuples": lambda: nest(lambda c: Pair(c, 1.0), 250),
    "deques": lambda: nest(lambda c: collections.deque([c]), 2000),
    "some lists": lambda: nest(lambda c: [c], 600), "some dicts": lambda: nest(lambda c: {"a": c}, 600),
    "some tuples and lists": lambda: nest(lambda c: ([c], 1.0), 300),
}
w = wg.array([1.0], requires_grad=True)
f = lambda x: 1.0
@wg.custom_vjp
def ruled(x): return 1.0
ruled.defvjp(lambda x: (1.0, None), lambda r, g: (None,))
"""
TAKERS = {
    "operand": "lambda c: a + c",
    "operand, left": "lambda c: c + a",
    "comparison": "lambda c: a < c",
    "wnp.sin": "wnp.sin",
    "np.add": "lambda c: np.add(a, c)",
    "array": "wg.array",
    "wnp.array": "wnp.array",
    "wnp.stack": "lambda c: wnp.stack([c, c])",
    "wnp.concatenate": "wnp.concatenate",
    "wnp.block": "wnp.block",
    "wnp.where": "lambda c: wnp.where(c, 1.0, 2.0)",
    "wnp.pad": "lambda c: wnp.pad(a, c)",
    "index": "lambda c: a[c]",
    "assignment": "lambda c: a.__setitem__(0, c)",
    "reshape": "lambda c: a.reshape(c)",
    "cotangent": "lambda c: (w * 2).backward(c)",
    "grad": "wg.grad(f)",
    "value_and_grad": "wg.value_and_grad(f)",
    "jacobian": "wg.jacobian(f)",
    "jacfwd": "wg.jacfwd(f)",
    "hessian": "wg.hessian(f)",
    "vjp": "lambda c: wg.vjp(f, c)",
    "jvp": "lambda c: wg.jvp(f, (c,), (c,))",
    "linearize": "lambda c: wg.linearize(f, c)",
    "custom_vjp": "lambda c: wg.grad(lambda x: ruled(c))(1.0)",
    "checkpoint": "lambda c: wg.grad(wg.checkpoint(lambda x, c: x))(1.0, c)",
    "aux": "lambda c: wg.grad(lambda x: (x, c), has_aux=True)(1.0)",
    "compiled": "lambda c: wg.compile(f)(c)",
    "compiled, result": "lambda c: wg.compile(lambda x: c)(1.0)",
    "compiled, static": "lambda c: wg.compile(lambda x, c: x, static_argnums=1)(1.0, c)",
    "compiled, keyword": "lambda c: wg.compile(lambda x, c: x)(1.0, c=c)",
    "compiled, key": "lambda c: wg.compile(f)({'a': c, 'b': [c]})",
    "scan": "lambda c: wg.scan(lambda c, x: (c, x), c, np.ones(2))",
    "scan, rows": "lambda c: wg.scan(lambda c, x: (c, x), 1.0, c)",
    "fori_loop": "lambda c: wg.fori_loop(0, 2, lambda i, c: c, c)",
    "compiled scan": "lambda c: wg.compile(lambda x: wg.scan(lambda c, x: (c, x), c, np.ones(2)))(1.0)",
    "cond": "lambda c: wg.compile(lambda x: wg.cond(x > 0, lambda c: c, lambda c: c, c))(1.0)",
    "record": "lambda c: wg.record(f, (c,))",
    "check_grads": "lambda c: wg.testing.check_grads(f, (c,))",
    "sgd": "lambda c: wg.optim.SGD([c], 0.1)",
}
PROGRAMS = {
    "a result of a few containers": (
        "y = wg.compile(lambda x: nest(lambda c: [c], 60))(1.0)\nassert y == nest(lambda c: [c], 60)\n"
        "t = nest(lambda c: {'a': c}, 60)\nassert wg.grad(lambda t: nest_value(t))(t) == t"
    ),
    "a recursion limit of a million": (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "for name, shape in shapes.items():\n  c = shape()\n"
        "  for g in (wg.grad(f), wg.compile(f), lambda c: a + c, wg.array): survived(g, c)"
    ),
}
NEST_VALUE = """
def nest_value(t):
    while isinstance(t, dict): t = t['a']
    return t * 1.0
"""
# The whole grid in one small thread for each taker: a crash names it.
GRID = """
def work():
    for name, shape in shapes.items():
        c = shape()
        print(name, flush=True)
        error = survived({0}, c)
    return True
"""


def test_containers_that_change_while_they_are_read():
    report = ended({name: EVIL + code for name, code in BORROWED.items()})
    assert not {name: how for name, how in report.items() if how}


def test_containers_without_an_end():
    table = {name: DEEP + GRID.format(taker) + "in_small_thread(work)" for name, taker in TAKERS.items()}
    table.update({name: DEEP + NEST_VALUE + code for name, code in PROGRAMS.items()})
    report = ended(table)
    assert not {name: how for name, how in report.items() if how}
