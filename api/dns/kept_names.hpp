// What a thread remembers by name, for so many names: for one more the one goes that was not asked for since it was last its turn to go
// (second chance), so that whoever asks for very many names takes the place of those that nobody asks for.
#pragma once
#include "runtime/base/text_hash.hpp"
#include <list>
#include <string>
#include <string_view>
#include <utility>

namespace actord::dns {

template <class T> class kept_names {
public:
  explicit kept_names(size_t most) : most_(most) {}
  size_t size() const { return all_.size(); }

  T* find(std::string_view name) {
    const auto it = all_.find(name);
    if (it == all_.end()) return nullptr;
    it->second.used = true;
    return &it->second.value;
  }
  // The one of that name, fresh if there was none. `let_go` gets what has to go for it.
  template <class F> T& put(std::string_view name, F&& let_go) {
    if (auto* known = find(name)) return *known;
    while (all_.size() >= most_) {
      auto* idle = next_idle();
      let_go(idle->second.value);
      order_.pop_back();
      all_.erase(all_.find(idle->first));
    }
    auto& fresh = *all_.try_emplace(std::string(name)).first;
    order_.push_back(&fresh);
    return fresh.second.value;
  }
  T& put(std::string_view name) {
    return put(name, [](T&) {});
  }
  // The one whose turn it is to go, which stays: what it holds is to become less. Null: there is none.
  T* idlest() { return order_.empty() ? nullptr : &next_idle()->second.value; }

private:
  struct kept {
    T value{};
    bool used = false; // since it was last passed over
  };
  using table = text_map<kept>;

  // Now the last in the order.
  typename table::value_type* next_idle() {
    for (;;) {
      auto* first = order_.front();
      order_.splice(order_.end(), order_, order_.begin());
      if (!std::exchange(first->second.used, false)) return first;
    }
  }

  size_t most_;
  table all_;
  std::list<typename table::value_type*> order_;
};

} // namespace actord::dns
