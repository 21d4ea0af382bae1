// The vocabulary of the DNS front: names in wire form, addresses, what is asked about nodes and services, the settings.
#pragma once
#include "runtime/base/duration.hpp"
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace actord::dns {

// Record types and return codes (RFC 1035, 2782, 3596, 6891), the numbers of the wire.
namespace type {
inline constexpr uint16_t a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, txt = 16, aaaa = 28, srv = 33, opt = 41, ixfr = 251,
                          axfr = 252, any = 255;
}
enum class rcode : uint8_t { no_error = 0, format_error = 1, server_failure = 2, name_error = 3, not_implemented = 4, refused = 5 };

struct ip_address {
  uint8_t family = 0; // 4, 6, or 0: the text was no address
  std::array<uint8_t, 16> bytes{};
  size_t size() const { return family == 4 ? 4 : family == 6 ? 16 : 0; }
  bool operator==(const ip_address&) const = default;
};
// An IPv4-mapped IPv6 address is an IPv4 address, as it is to Go.
ip_address parse_ip(std::string_view text);
std::string format_ip(const ip_address& ip);

// A name as labels with their lengths before them. With the closing zero it is complete ("\4node\0"), without it is a
// prefix. Returns false for names that DNS cannot carry: empty or over-long labels, more than 255 bytes.
bool append_labels(std::string& out, std::string_view dotted);
bool make_name(std::string& out, std::string_view dotted); // clears; complete; a final dot is allowed

// An address that a node or a service is known by, with the ones that replace it for A and for AAAA.
struct address_set {
  std::string text; // "" = none
  ip_address ip;    // of the text
  ip_address lan_v4, lan_v6;
  std::string wire; // the text as a complete name, where it is no address; "" where it cannot be a name either
};
address_set address_of_text(std::string_view text);

struct node_facts {
  std::string name;
  std::string labels;           // the name in wire form, incomplete; "" when DNS cannot carry it
  address_set address;
  std::vector<std::string> txt; // rdata of one TXT record per entry of the node's meta
};

// One instance that is not critical.
struct endpoint {
  node_facts node;
  address_set address; // the service's own; text "" = the node's counts
  uint16_t port = 0;
  uint16_t weight = 1;
  bool all_passing = true;
  std::vector<std::string> tags; // as registered; compared without regard to case
};
using endpoint_list = std::shared_ptr<const std::vector<endpoint>>;

// A record of somebody else's answer, its names without compression.
struct foreign_record {
  std::string owner; // complete wire name
  uint16_t type = 0;
  uint32_t ttl = 0;  // seconds
  std::string rdata;
};

// How to answer; a value that a reload replaces as a whole.
struct settings {
  std::string datacenter = "dc1";
  std::string node_name;
  std::string domain = "consul.", alt_domain; // lower case, ending in a dot; alt_domain may be ""
  bool have_recursors = false;
  bool allow_stale = true;
  bool only_passing = false;
  bool enable_truncate = false;
  bool disable_compression = false;
  bool node_meta_txt = true;
  int udp_answer_limit = 3;
  int a_record_limit = 0;
  uint32_t node_ttl = 0;                            // seconds, as all below
  std::map<std::string, uint32_t, std::less<>> service_ttl; // a name, or a prefix that ends in "*"
  uint32_t soa_refresh = 3600, soa_retry = 600, soa_expire = 86400, soa_min_ttl = 0;

  uint32_t ttl_of_service(std::string_view service) const;
};

// RFC 1464 text of one entry of a node's meta; keys that start "rfc1035-" give the bare value. Rdata of a TXT record.
std::string txt_of_meta(std::string_view key, std::string_view value);

} // namespace actord::dns
