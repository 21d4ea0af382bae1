#include "api/dns/source_filter.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <linux/filter.h>
#include <netinet/in.h>

namespace actord::dns {

namespace {

constexpr size_t most_sources = 8;
constexpr unsigned most_halvings = 8;
constexpr uint32_t network_head = static_cast<uint32_t>(SKF_NET_OFF), random_number = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM);
constexpr uint32_t whole = UINT32_MAX;

uint32_t word(const void* bytes) {
  uint32_t out = 0;
  std::memcpy(&out, bytes, sizeof out);
  return ntohl(out);
}

} // namespace

source_filter::~source_filter() {
  held_back_.clear();
  attach();
}

void source_filter::press(const sockaddr_storage& source) {
  entry e{};
  e.halvings = 1;
  const auto& six = reinterpret_cast<const sockaddr_in6&>(source).sin6_addr;
  e.is_v6 = source.ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&six);
  if (source.ss_family == AF_INET) e.low = ntohl(reinterpret_cast<const sockaddr_in&>(source).sin_addr.s_addr);
  else e.high = e.is_v6 ? word(six.s6_addr) : 0, e.low = word(six.s6_addr + (e.is_v6 ? 4 : 12));
  const auto same = [&](const entry& o) { return o.is_v6 == e.is_v6 && o.high == e.high && o.low == e.low; };
  auto at = std::find_if(held_back_.begin(), held_back_.end(), same);
  if (at != held_back_.end()) {
    if (at->halvings == most_halvings) return;
    ++at->halvings;
  } else if (held_back_.size() < most_sources) {
    held_back_.push_back(e);
  } else {
    *std::min_element(held_back_.begin(), held_back_.end(), [](const entry& a, const entry& b) { return a.halvings < b.halvings; }) = e;
  }
  attach();
}

void source_filter::ease() {
  if (held_back_.empty()) return;
  std::erase_if(held_back_, [](entry& e) { return --e.halvings == 0; });
  attach();
}

void source_filter::attach() {
  int ignored = 0;
  if (held_back_.empty()) {
    ::setsockopt(fd_, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored);
    return;
  }
  std::vector<sock_filter> program;
  // Each entry in order; one that is not meant jumps behind itself.
  for (const auto& e : held_back_) {
    const uint8_t v4 = 6, v6 = 8; // what is left of the entry behind the look at the version
    program.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, network_head));
    program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, e.is_v6 ? 0x60U : 0x40U, 0, e.is_v6 ? v6 : v4));
    if (e.is_v6) {
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, network_head + 8));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, e.high, 0, 6));
    }
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, network_head + 12));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, e.low, 0, 4));
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, random_number));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, whole >> e.halvings, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, whole));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, whole));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

} // namespace actord::dns
