#include "runtime/net/heaviest.hpp"
#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace actord::net {

std::vector<size_t> heaviest(std::span<const holding> all, size_t excess) {
  struct household {
    size_t bytes = 0;
    std::vector<std::pair<size_t, size_t>> members; // bytes and place; the largest last
  };
  std::unordered_map<std::string_view, household> households;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].bytes == 0) continue;
    auto& of = households[all[i].household];
    of.bytes += all[i].bytes;
    of.members.emplace_back(all[i].bytes, i);
  }
  std::vector<household*> order;
  for (auto& [name, h] : households) {
    std::sort(h.members.begin(), h.members.end());
    order.push_back(&h);
  }
  const auto less = [](const household* x, const household* y) { return x->bytes < y->bytes; };
  std::make_heap(order.begin(), order.end(), less);
  std::vector<size_t> going;
  for (size_t gone = 0; gone < excess && !order.empty();) {
    std::pop_heap(order.begin(), order.end(), less);
    auto& most = *order.back();
    const auto [bytes, place] = most.members.back();
    most.members.pop_back();
    most.bytes -= bytes;
    gone += bytes;
    going.push_back(place);
    if (most.members.empty()) order.pop_back();
    else std::push_heap(order.begin(), order.end(), less);
  }
  return going;
}

} // namespace actord::net
