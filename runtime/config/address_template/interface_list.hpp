// What go-sockaddr does with a list of interface addresses: sources, filters, orders, attributes. Pure: the host's facts
// are handed in. Error texts are those of go-sockaddr 1.0.2.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/config/address_template/ip_prefix.hpp"
#include "runtime/config/loader.hpp"

namespace actord::address_template {

struct entry {
  ip_prefix ip;
  const host_facts::interface_address* link = nullptr;

  std::string text() const; // "10.0.0.1/8 {2 1500 eth0 02:00:00:00:00:01 up|broadcast|multicast}"
};
using entries = std::vector<entry>;

inline constexpr size_t max_entries = 4096; // of one list: alternatives multiply it
inline constexpr size_t max_clauses = 32;   // of one sort

std::string flags_text(const host_facts::interface_address& link);
std::string link_text(const host_facts::interface_address& link);
std::string_view type_text(const ip_prefix& ip); // "IPv4"

entries all_interfaces(const host_facts& host);
result<entries> default_interfaces(const host_facts& host);
entries private_interfaces(const host_facts& host);
entries public_interfaces(const host_facts& host);
std::string first_ip(const entries& from); // "" of none
std::string private_ips(const host_facts& host);
std::string public_ips(const host_facts& host);
result<std::string> interface_ip(const host_facts& host, const std::string& name);
result<std::string> interface_ips(const host_facts& host, const std::string& name);

result<entries> include(const std::string& selector, const std::string& argument, const entries& from);
result<entries> exclude(const std::string& selector, const std::string& argument, const entries& from);
result<entries> sort(const std::string& clauses, entries from, const host_facts& host);
result<entries> unique(const std::string& selector, const entries& from);
result<entries> offset(int64_t by, const entries& from);
result<entries> math(const std::string& operation, const std::string& value, const entries& from);

result<std::string> attribute(const std::string& name, const entry& of);
result<std::string> join(const std::string& name, const std::string& separator, const entries& from);

} // namespace actord::address_template
