#include "actors/rpc/core/route.hpp"
#include <algorithm>
#include <charconv>
#include <cmath>

namespace actord::rpc {

using namespace std::chrono_literals;

namespace {

constexpr nanos least_reuse = 120s, reuse_jitter = 60s; // clientRPCMinReuseDuration and its half
constexpr double new_connections_per_server = 64;       // a second, from all clients that rebalance

// "10.0.0.1:8300", "[fd00::1]:8300"
std::string address_text(std::string raw, uint16_t port) {
  static const std::string mapped = std::string(10, '\0') + "\xff\xff"; // an IPv4 address as Go may send it
  if (raw.size() == 16 && raw.starts_with(mapped)) raw.erase(0, 12);
  std::string out;
  auto byte = [&](size_t i) { return static_cast<unsigned char>(raw[i]); };
  if (raw.size() == 4) {
    for (size_t i = 0; i < 4; ++i) (out += i ? "." : "") += std::to_string(byte(i));
  } else if (raw.size() == 16) {
    static constexpr char digits[] = "0123456789abcdef";
    out = "[";
    for (size_t i = 0; i < 16; ++i) {
      if (i > 0 && i % 2 == 0) out += ':';
      (out += digits[byte(i) >> 4]) += digits[byte(i) & 15];
    }
    out += ']';
  } else {
    return {};
  }
  return out + ":" + std::to_string(port);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace

std::optional<server> server_in(const members::member& m, std::string_view datacenter) {
  auto tag = [&](const char* name) -> std::string_view {
    auto it = m.tags.find(name);
    return it == m.tags.end() ? std::string_view{} : it->second;
  };
  if (tag("role") != "consul" || tag("dc") != datacenter) return {};
  const auto digits = tag("port");
  uint16_t port = 0;
  auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (bad != std::errc() || end != digits.data() + digits.size() || port == 0) return {};
  server s{m.name, std::string(tag("id")), address_text(m.at.ip, port)};
  if (s.address.empty()) return {};
  return s;
}

bool route::add(server s) {
  auto it = std::find_if(servers_.begin(), servers_.end(), [&](auto& k) { return k.name == s.name; });
  if (it != servers_.end()) {
    if (*it == s) return false;
    *it = std::move(s);
    return true;
  }
  // Anywhere, so that agents that learn of the servers in the same order do not all ask the same one.
  const auto at = random_.below(servers_.size() + 1);
  servers_.insert(servers_.begin() + static_cast<std::ptrdiff_t>(at), std::move(s));
  return true;
}

bool route::remove(const std::string& name) { return std::erase_if(servers_, [&](auto& s) { return s.name == name; }) > 0; }

const server* route::first_but(const std::vector<std::string>& tried) const {
  for (auto& s : servers_)
    if (std::find(tried.begin(), tried.end(), s.address) == tried.end()) return &s;
  return nullptr;
}

const server* route::by_address(const std::string& address) const {
  for (auto& s : servers_)
    if (s.address == address) return &s;
  return nullptr;
}

void route::failed(const std::string& address) {
  auto it = std::find_if(servers_.begin(), servers_.end(), [&](auto& s) { return s.address == address; });
  if (it != servers_.end()) std::rotate(it, it + 1, servers_.end());
}

void route::shuffle() {
  for (size_t i = servers_.size(); i > 1; --i) std::swap(servers_[i - 1], servers_[random_.below(i)]);
}

void route::rebalanced(nanos now, size_t members) {
  const double rate = static_cast<double>(std::max<size_t>(servers_.size(), 1)) * new_connections_per_server;
  const nanos spread(static_cast<int64_t>(static_cast<double>(members) / rate * 1e9));
  const nanos least = least_reuse + nanos(static_cast<int64_t>(random_.below(static_cast<uint64_t>(reuse_jitter.count()))));
  rebalance_at_ = now + std::max(spread, least);
}

std::optional<nanos> retries::after(attempt a, const std::string& error, const std::string& address, size_t servers, nanos now, prng& random) {
  // The server had no leader to turn to, or could not reach the one it knew: nothing was done, and soon there is another.
  const bool no_leader = a == attempt::answered && (has(error, "No cluster leader") || has(error, "failed to get conn") ||
                                                    (reads_ && has(error, "Not ready to serve consistent reads")));
  if (a == attempt::answered && !no_leader) return {};
  if (a == attempt::timed_out) return {};
  if (a == attempt::lost && !reads_) return {}; // it may have been carried out
  if (!may_wait(now)) return {};
  if (!no_leader) {
    if (std::find(tried_.begin(), tried_.end(), address) == tried_.end()) tried_.push_back(address);
    if (tried_.size() < servers) return nanos(0); // another one knows better at once
    tried_.clear();
  }
  const auto most = static_cast<uint64_t>(rules_.hold.count() / 16);
  return nanos(static_cast<int64_t>(random.below(most + 1)));
}

bool rate_limit::take(nanos now) {
  if (rate_ < 0 || std::isinf(rate_)) return true;
  if (last_.count() != 0) tokens_ = std::min(burst_, tokens_ + rate_ * static_cast<double>((now - last_).count()) / 1e9);
  last_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

} // namespace actord::rpc
