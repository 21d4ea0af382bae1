#include "actors/peers/core/dial_plan.hpp"
#include <algorithm>
#include <set>

namespace actord::peer {

bool is_literal_address(const std::string& address) {
  if (address.starts_with('[')) return true;
  const auto colon = address.rfind(':');
  const auto host = address.substr(0, colon);
  return !host.empty() && host.find_first_not_of("0123456789.") == std::string::npos;
}

int64_t dial_plan::backoff(unsigned failures) {
  const int64_t full = std::min(options_.backoff_max_ms, options_.backoff_min_ms << std::min(failures, 16U));
  return full / 2 + static_cast<int64_t>(random_.below(static_cast<uint64_t>(full / 2 + 1)));
}

void dial_plan::drop(uint64_t number) {
  auto it = targets_.find(number);
  if (it->second.at == stage::dialling || it->second.at == stage::ready) dropped_.push_back(number);
  targets_.erase(it);
}

void dial_plan::adopt_or_add(const server_id& id, const std::string& address, std::map<uint64_t, bool>& keep, int64_t now) {
  // What is connected to that server at that address keeps its connection when it only now gets a name, or loses it.
  uint64_t found = 0;
  for (auto& [number, t] : targets_) {
    if (keep.contains(number) || t.address != address) continue;
    if (t.wanted == id) {
      found = number;
      break;
    }
    if (!id.empty() && t.wanted.empty() && t.said == id) found = number;
    if (id.empty() && found == 0) found = number;
  }
  if (found == 0) {
    found = ++next_number_;
    targets_[found] = {.wanted = id, .said = {}, .address = address, .name = {}, .next = now};
  }
  auto& t = targets_[found];
  t.wanted = id;
  t.name.clear();
  keep[found] = true;
}

void dial_plan::want(const std::vector<std::pair<server_id, std::string>>& servers, int64_t now) {
  std::map<uint64_t, bool> keep;
  std::set<std::string> names;
  for (const bool named : {true, false})
    for (const auto& [id, address] : servers) {
      if (named == id.empty() || address.empty() || (!id.empty() && id == self_)) continue;
      if (is_literal_address(address)) {
        adopt_or_add(id, address, keep, now);
      } else {
        names.insert(address);
      }
    }
  std::erase_if(names_, [&](const auto& n) { return !names.contains(n.first); });
  for (const auto& name : names) names_.try_emplace(name, name_entry{false, 0, now});
  std::vector<uint64_t> gone;
  for (const auto& [number, t] : targets_)
    if (!keep.contains(number) && (t.name.empty() || !names.contains(t.name))) gone.push_back(number);
  for (auto number : gone) drop(number);
}

std::vector<std::string> dial_plan::names_due(int64_t now) {
  std::vector<std::string> out;
  for (auto& [name, n] : names_) {
    if (n.asked || n.next > now) continue;
    const bool connected = std::any_of(targets_.begin(), targets_.end(), [&, &dialled = name](const auto& t) { return t.second.name == dialled && t.second.at == stage::ready; });
    if (connected) {
      n.next = now + options_.resolve_again_ms;
      continue;
    }
    n.asked = true;
    out.push_back(name);
  }
  return out;
}

void dial_plan::resolved(const std::string& name, const std::vector<std::string>& addresses, int64_t now) {
  auto it = names_.find(name);
  if (it == names_.end()) return;
  it->second = {false, 0, now + options_.resolve_again_ms};
  std::set<std::string> fresh(addresses.begin(), addresses.end());
  std::vector<uint64_t> gone;
  for (const auto& [number, t] : targets_) {
    if (t.name != name) continue;
    if (fresh.erase(t.address) == 0 && t.at != stage::ready) gone.push_back(number);
  }
  for (auto number : gone) drop(number);
  for (const auto& address : fresh) targets_[++next_number_] = {.wanted = {}, .said = {}, .address = address, .name = name, .next = now};
}

void dial_plan::resolve_failed(const std::string& name, int64_t now) {
  auto it = names_.find(name);
  if (it == names_.end()) return;
  it->second = {false, it->second.failures + 1, now + std::max<int64_t>(1000, backoff(it->second.failures + 1))};
}

// Another target leads to the same server: by the same address, or by what it said when it was asked.
bool dial_plan::shadowed(uint64_t number, const target& t) const {
  for (const auto& [n, other] : targets_) {
    if (n == number) continue;
    const auto& server = t.wanted.empty() ? t.said : t.wanted;
    if (other.at == stage::ready && !server.empty() && other.said == server) return true;
    if (!t.wanted.empty() || other.address != t.address) continue;
    const bool answers = other.said.empty() || other.said == other.wanted || other.wanted.empty();
    if (answers && (!other.wanted.empty() || n < number)) return true;
  }
  return false;
}

std::vector<dial_plan::dial> dial_plan::due(int64_t now) {
  std::vector<dial> out;
  for (auto& [number, t] : targets_) {
    if (t.at != stage::idle || t.next > now || shadowed(number, t)) continue;
    t.at = stage::dialling;
    out.push_back({number, t.address, t.wanted});
  }
  return out;
}

dial_plan::verdict dial_plan::greeted(uint64_t number, const server_id& id, int64_t now) {
  auto it = targets_.find(number);
  if (it == targets_.end()) return verdict::stranger;
  auto& t = it->second;
  t.said = id;
  if (id == self_) {
    t.at = stage::self;
    return verdict::self;
  }
  if (!t.wanted.empty() && t.wanted != id) {
    failed(number, now);
    return verdict::stranger;
  }
  for (const auto& [n, other] : targets_)
    if (n != number && other.at == stage::ready && other.said == id) {
      t.at = stage::idle;
      t.failures = 0;
      t.next = now + backoff(0);
      return verdict::duplicate;
    }
  t.at = stage::ready;
  t.failures = 0;
  return verdict::ready;
}

void dial_plan::heard_of(const server_id& id, int64_t now) {
  for (auto& [number, t] : targets_)
    if (t.at == stage::idle && (t.wanted == id || (t.wanted.empty() && t.said == id))) t.next = std::min(t.next, now + options_.backoff_min_ms);
}

void dial_plan::failed(uint64_t number, int64_t now) {
  auto it = targets_.find(number);
  if (it == targets_.end()) return;
  auto& t = it->second;
  t.at = stage::idle;
  t.next = now + backoff(t.failures);
  t.failures = std::min(t.failures + 1, 16U);
}

std::string dial_plan::address_of(const server_id& id) const {
  std::string best;
  for (const auto& [number, t] : targets_) {
    if (t.said == id && t.at == stage::ready) return t.address;
    if (t.wanted == id) best = t.address;
    if (best.empty() && t.said == id) best = t.address;
  }
  return best;
}

bool dial_plan::restless() const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const auto& t) { return (t.second.at == stage::idle || t.second.at == stage::dialling) && !shadowed(t.first, t.second); });
}

} // namespace actord::peer
