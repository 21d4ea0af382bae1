// What a name asks for: the forms of names under the domain (reference: Consul's DNS interface), reverse names, others'.
#pragma once
#include "api/dns/core/message.hpp"

namespace actord::dns {

struct wanted {
  enum class kind {
    apex_soa,    // SOA of anything under the domain
    apex_ns,     // NS likewise
    transfer,    // AXFR
    service,     // service (mesh-capable endpoints only when connect), tag "" = any
    node,
    prepared_query,
    address,     // an `addr` name; ip.family 0 = well formed, but of no address's length
    reverse,     // under arpa; ip.family 0 = not an address
    nothing,     // under the domain, but no form of name, or of a kind that has no records here
    foreign,     // outside our domains
  };
  kind what = kind::nothing;
  bool connect = false;
  std::string name; // service, node, or query (its name or id), lower case
  std::string tag;  // lower case
  std::string datacenter; // lower case, "" = the own
  ip_address ip;
};

// Overwrites `out`, whose strings are reused.
void interpret(const query& q, const settings& s, wanted& out);
// The same for a name that an answer points to, given as a complete wire name; q is filled as if it had been asked.
bool interpret_name(std::string_view wire_name, uint16_t qtype, const settings& s, query& q, wanted& out);

} // namespace actord::dns
