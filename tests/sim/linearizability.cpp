#include "tests/sim/linearizability.hpp"
#include <algorithm>
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

// A doubly linked list of calls and returns in the order of their stamps; a call's `match` is its return.
struct node {
  uint64_t stamp = 0;
  uint32_t op = 0;
  uint32_t match = 0; // 0 for a return
  uint32_t prev = 0, next = 0;
};

class search {
public:
  search(const std::vector<operation>& ops, size_t max_steps)
      : ops_(ops), max_steps_(max_steps), done_((ops.size() + 63) / 64, 0) {
    std::vector<node> events;
    const uint64_t never = ~uint64_t{0};
    for (uint32_t i = 0; i < ops.size(); ++i) {
      events.push_back({ops[i].invoked, i, 1, 0, 0});
      events.push_back({ops[i].returned == 0 ? never : ops[i].returned, i, 0, 0, 0});
    }
    std::stable_sort(events.begin(), events.end(), [](const node& a, const node& b) { return a.stamp < b.stamp; });
    list_.resize(1);
    list_.insert(list_.end(), events.begin(), events.end());
    std::vector<uint32_t> returns(ops.size());
    for (uint32_t i = 1; i < list_.size(); ++i) {
      if (list_[i].match == 0) returns[list_[i].op] = i;
    }
    for (uint32_t i = 0; i < list_.size(); ++i) {
      if (i > 0 && list_[i].match != 0) list_[i].match = returns[list_[i].op];
      list_[i].prev = i == 0 ? 0 : i - 1;
      list_[i].next = i + 1 < list_.size() ? i + 1 : 0;
    }
    for (const auto& op : ops) answered_ += op.returned != 0;
  }

  verdict run() {
    uint32_t at = list_[0].next;
    size_t steps = 0;
    // All operations with an answer must find a place; those without may stay outside.
    while (answered_ > 0) {
      if (++steps > max_steps_) return verdict::undecided;
      if (at != 0 && list_[at].match != 0) {
        if (try_call(at)) {
          at = list_[0].next;
        } else {
          at = list_[at].next;
        }
      } else {
        // A return whose call has no place yet: take back the last choice.
        if (stack_.empty()) return verdict::violated;
        at = undo();
      }
    }
    return verdict::linearizable;
  }

private:
  struct choice {
    uint32_t call;
    uint32_t state_before;
  };

  bool try_call(uint32_t at) {
    const operation& op = ops_[list_[at].op];
    uint32_t state = state_;
    const uint32_t seen = apply_to(state, op.kind, op.value, op.expected);
    const bool reads = op.kind == op_kind::get || op.kind == op_kind::cas;
    if (op.returned != 0 && reads && seen != op.seen) return false;
    flip(list_[at].op);
    if (!tried_.insert(configuration(state)).second) {
      flip(list_[at].op);
      return false;
    }
    stack_.push_back({at, state_});
    state_ = state;
    answered_ -= op.returned != 0;
    lift(at);
    return true;
  }

  uint32_t undo() {
    const choice c = stack_.back();
    stack_.pop_back();
    state_ = c.state_before;
    flip(list_[c.call].op);
    answered_ += ops_[list_[c.call].op].returned != 0;
    unlift(c.call);
    return list_[c.call].next;
  }

  void flip(uint32_t op) { done_[op / 64] ^= uint64_t{1} << (op % 64); }
  // A hash stands for the configuration; with 64 bits and at most max_steps of them a clash is out of the question.
  uint64_t configuration(uint32_t state) const {
    uint64_t h = mix(0, state);
    for (uint64_t word : done_) h = mix(h, word);
    return h;
  }
  void lift(uint32_t call) {
    for (uint32_t i : {call, list_[call].match}) {
      list_[list_[i].prev].next = list_[i].next;
      list_[list_[i].next].prev = list_[i].prev;
    }
  }
  void unlift(uint32_t call) {
    for (uint32_t i : {list_[call].match, call}) {
      list_[list_[i].prev].next = i;
      list_[list_[i].next].prev = i;
    }
  }

  const std::vector<operation>& ops_;
  size_t max_steps_;
  std::vector<node> list_; // 0 is the head
  std::vector<uint64_t> done_;
  std::unordered_set<uint64_t> tried_;
  std::vector<choice> stack_;
  uint32_t state_ = 0;
  size_t answered_ = 0;
};

} // namespace

verdict check_key(std::vector<operation> history, size_t max_steps) {
  history = drop_irrelevant(std::move(history));
  return search(history, max_steps).run();
}

} // namespace actord::sim
