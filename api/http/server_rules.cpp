#include "api/http/front.hpp"
#include "api/http/routes.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace actord::http {
namespace {

std::vector<std::string_view> patterns_of(const std::vector<route>& rows) {
  std::vector<std::string_view> out;
  for (auto& r : rows) out.push_back(r.pattern);
  return out;
}

// An address as 16 bytes, IPv4 mapped.
bool parse_ip(const std::string& text, uint8_t (&out)[16]) {
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    std::memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    std::memcpy(out + 12, &v4, 4);
    return true;
  }
  return ::inet_pton(AF_INET6, text.c_str(), out) == 1;
}

} // namespace

server_rules::server_rules(const node_config& c)
    : config(c), rows(all_routes()), paths(patterns_of(rows)), pretty(c.dev_mode),
      kv_limit(static_cast<uint64_t>(std::max<int64_t>(c.kv_max_value_size, 0))),
      txn_limit(static_cast<uint64_t>(std::max<int64_t>({c.txn_max_req_len, c.kv_max_value_size, 0}))) {
  for (auto& r : rows) allow.push_back(allow_header(r.methods));
  for (auto& [name, value] : c.http_response_headers) extra_headers += name + ": " + value + "\r\n";
  for (auto& cidr : c.http_allow_write_http_from) {
    network n{};
    size_t slash = cidr.find('/');
    std::string host = cidr.substr(0, slash);
    if (!parse_ip(host, n.bytes)) continue; // the loader has refused it before
    bool v4 = host.find(':') == host.npos;
    n.bits = slash == cidr.npos ? 128 : std::atoi(cidr.c_str() + slash + 1) + (v4 ? 96 : 0);
    writers_.push_back(n);
  }
}

bool server_rules::may_write(std::string_view peer) const {
  if (config.http_allow_write_http_from.empty()) return true;
  uint8_t ip[16];
  if (!parse_ip(std::string(peer), ip)) return false;
  return std::any_of(writers_.begin(), writers_.end(), [&](const network& n) {
    for (int bit = 0; bit < n.bits && bit < 128; ++bit) {
      int mask = 0x80 >> (bit % 8);
      if ((n.bytes[bit / 8] & mask) != (ip[bit / 8] & mask)) return false;
    }
    return true;
  });
}

bool server_rules::blocked(std::string_view path) const {
  return std::any_of(config.http_block_endpoints.begin(), config.http_block_endpoints.end(),
                     [&](const std::string& prefix) { return path.starts_with(prefix); });
}

} // namespace actord::http
