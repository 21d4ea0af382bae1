// Wing & Gong's search for an order that explains a history, with Lowe's memo of configurations already tried ("Testing
// for linearizability", 2017), the way Porcupine does it. The Model says what one operation does:
//   Model::state   a number that holds the whole state of the object; 0 at the start
//   Model::op      has `invoked` and `returned`: stamps in the order of all invocations and answers; returned 0 while
//                  the outcome is unknown: it may take effect at any time after, or never
//   Model::step(state&, const op&)   carries it out; false when its answer contradicts the state (an operation without an
//                  answer contradicts nothing)
#pragma once
#include "tests/sim/kv_machine.hpp"
#include <algorithm>
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace actord::sim {

enum class verdict : uint8_t { linearizable, violated, undecided };

template <class Model> class linear_search {
public:
  using op_type = typename Model::op;
  linear_search(const std::vector<op_type>& ops, size_t max_steps)
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
        at = try_call(at) ? list_[0].next : list_[at].next;
      } else {
        // A return whose call has no place yet: take back the last choice.
        if (stack_.empty()) return verdict::violated;
        at = undo();
      }
    }
    return verdict::linearizable;
  }

private:
  // A doubly linked list of calls and returns in the order of their stamps; a call's `match` is its return.
  struct node {
    uint64_t stamp = 0;
    uint32_t op = 0;
    uint32_t match = 0; // 0 for a return
    uint32_t prev = 0, next = 0;
  };
  struct choice {
    uint32_t call;
    typename Model::state state_before;
  };

  bool try_call(uint32_t at) {
    const op_type& op = ops_[list_[at].op];
    auto state = state_;
    if (!Model::step(state, op)) return false;
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
  uint64_t configuration(typename Model::state state) const {
    uint64_t h = mix(0, uint64_t{state});
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

  const std::vector<op_type>& ops_;
  size_t max_steps_;
  std::vector<node> list_; // 0 is the head
  std::vector<uint64_t> done_;
  std::unordered_set<uint64_t> tried_;
  std::vector<choice> stack_;
  typename Model::state state_ = 0;
  size_t answered_ = 0;
};

} // namespace actord::sim
