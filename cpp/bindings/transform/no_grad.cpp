// `with no_grad():` holds for the context (contextvars) it was entered in: of a thread, or of an asyncio task. The
// context holds a tuple of the blocks that are open in it, so blocks may be left in another order than they were
// entered (generators), or from another context (then the block ends for everyone who has it).
#include "bindings/transform/no_grad.h"

#include <vector>

#include "ad/apply.h"
#include "bindings/object/convert.h"

namespace wengert::bindings {
namespace {

constexpr char kBlock[] = "wengert.no_grad block";
struct Block {
  bool ended = false;
};
Block* block_of(PyObject* capsule) { return static_cast<Block*>(PyCapsule_GetPointer(capsule, kBlock)); }

PyObject* open_blocks = nullptr;  // the ContextVar

py::tuple blocks() {
  PyObject* held = nullptr;
  if (PyContextVar_Get(open_blocks, nullptr, &held) < 0) throw py::error_already_set();
  return held ? py::reinterpret_steal<py::tuple>(held) : py::tuple();
}

py::object set_blocks(const py::tuple& t) {  // a token of this context
  PyObject* token = PyContextVar_Set(open_blocks, t.ptr());
  if (!token) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(token);
}

// A copy of a context holds the same blocks; only the token tells which of the two this is.
bool made_here(const py::object& token) {
  if (PyContextVar_Reset(open_blocks, token.ptr()) == 0) return true;
  PyErr_Clear();
  return false;
}

bool no_grad_holds() {
  PyObject* held = nullptr;
  if (PyContextVar_Get(open_blocks, nullptr, &held) < 0) {
    PyErr_Clear();
    return false;
  }
  if (!held) return false;
  bool holds = false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(held); ++i) holds |= !block_of(PyTuple_GET_ITEM(held, i))->ended;
  Py_DECREF(held);
  return holds;
}

// Entering and leaving are single calls, so an interrupt cannot fall between switching recording off and the promise to
// switch it on again.
class NoGrad {
 public:
  void enter() {
    const py::object block = py::reinterpret_steal<py::object>(PyCapsule_New(new Block, kBlock, [](PyObject* c) {
      delete block_of(c);
      --ad::no_grad_blocks;
    }));
    if (!block) throw py::error_already_set();
    ++ad::no_grad_blocks;
    entered_.push_back({block, set_blocks(without(blocks(), nullptr, block.ptr()))});
  }
  void exit() {
    if (entered_.empty()) runtime_error("wengert.no_grad: left without having been entered");
    const py::tuple here = blocks();
    size_t elsewhere = entered_.size() - 1;
    for (size_t k = entered_.size(); k-- > 0;) {
      if (!PySequence_Contains(here.ptr(), entered_[k].block.ptr())) continue;
      if (made_here(entered_[k].token)) {
        set_blocks(without(here, taken(k).ptr(), nullptr));  // a task started inside goes on without recording
        return;
      }
      elsewhere = k;
    }
    block_of(taken(elsewhere).ptr())->ended = true;
  }

 private:
  py::object taken(size_t k) {
    py::object block = std::move(entered_[k].block);
    entered_.erase(entered_.begin() + static_cast<std::ptrdiff_t>(k));
    return block;
  }
  // The blocks that still hold, but for one, and with another.
  static py::tuple without(const py::tuple& of, PyObject* gone, PyObject* more) {
    py::list r;
    for (const auto& b : of)
      if (b.ptr() != gone && !block_of(b.ptr())->ended) r.append(b);
    if (more) r.append(py::handle(more));
    return py::tuple(r);
  }
  struct Entered {
    py::object block, token;
  };
  std::vector<Entered> entered_;
};

}  // namespace

void bind_no_grad(py::module_& m) {
  open_blocks = PyContextVar_New("wengert.no_grad", nullptr);
  if (!open_blocks) throw py::error_already_set();
  ad::no_grad_hook = no_grad_holds;
  py::class_<NoGrad>(m, "NoGrad")
      .def(py::init<>())
      .def("__enter__", &NoGrad::enter)
      .def("__exit__", [](NoGrad& self, const py::args&) { self.exit(); });
}

}  // namespace wengert::bindings
