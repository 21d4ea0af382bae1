// What every read accepts: blocking, consistency, tokens, filters (api/http/rules.md).
#pragma once
#include "api/http/core/request.hpp"
#include "api/http/core/response.hpp"
#include "runtime/base/duration.hpp"

namespace actord::http {

enum class consistency : uint8_t { leader, consistent, stale };
constexpr std::string_view consistency_text(consistency m) {
  return m == consistency::stale ? "stale" : m == consistency::consistent ? "consistent" : "leader";
}

// What is kept of them while a read waits.
struct read_terms {
  uint64_t min_index = 0;          // 0: do not wait
  uint64_t at_least = 0;           // not of Consul: answer from here once this much is applied; no leader is asked
  nanos wait{0};                   // as asked; 0: the default
  consistency mode = consistency::leader;
  bool explicit_leader = false;    // ?leader: discovery_max_stale does not apply
  bool cached = false;
  bool must_revalidate = false;
  bool pretty = false;
  nanos max_stale{0};
  nanos max_age{-1}, stale_if_error{0};
  bool laborious = false;          // of the front: longer to answer than others of the loop should wait
};

struct query_options : read_terms {
  std::string_view datacenter;     // "" = the own one
  std::string_view token, filter, near;
  std::vector<std::pair<std::string_view, std::string_view>> node_meta; // all must hold
};

// False when the request was answered with a 400; the text is Consul's.
bool parse_query_options(const request& r, query_options& o, response& out);
// The parts that writes accept, too: dc and token.
std::string_view parse_token(const request& r);
// Namespaces are an Enterprise feature: false when the request names one (answered with a 400).
bool refuse_namespace(const request& r, response& out);

} // namespace actord::http
