#include "tests/sim/linearizability.hpp"
#include <unordered_set>

namespace actord::sim {

namespace {

// Operations without an answer tell nothing by themselves. One whose value nobody saw can be left out: whatever came
// between it and the next write would have had to see it.
std::vector<operation> drop_irrelevant(std::vector<operation> history) {
  std::unordered_set<uint32_t> observed;
  for (const auto& op : history) {
    if (op.returned == 0) {
      if (op.kind == op_kind::cas) observed.insert(op.expected);
    } else if (op.kind == op_kind::get || op.kind == op_kind::cas) {
      observed.insert(op.seen);
    }
  }
  std::erase_if(history, [&](const operation& op) {
    if (op.returned != 0) return false;
    if (op.kind == op_kind::get) return true;
    return !observed.contains(op.kind == op_kind::erase ? 0 : op.value);
  });
  return history;
}

struct one_key {
  using state = uint32_t;
  using op = operation;
  static bool step(state& s, const op& o) {
    const uint32_t seen = apply_to(s, o.kind, o.value, o.expected);
    const bool reads = o.kind == op_kind::get || o.kind == op_kind::cas;
    return o.returned == 0 || !reads || seen == o.seen;
  }
};

} // namespace

verdict check_key(std::vector<operation> history, size_t max_steps) {
  history = drop_irrelevant(std::move(history));
  return linear_search<one_key>(history, max_steps).run();
}

} // namespace actord::sim
