// Bytes as a client sends them: parsed at once and in two pieces, which must agree, in linear time.
#include "api/http/core/request_parser.hpp"
#include "api/http/core/router.hpp"
#include "api/http/core/uri.hpp"
#include <cstdlib>

using namespace actord::http;

namespace {

parse_outcome step(std::string_view have, parse_progress& p, request& r, size_t& used) {
  if (awaits_body(have, p)) return parse_outcome::incomplete;
  refusal why;
  size_t head = 0, body = 0;
  auto o = parse_head(have, p, r, head, why);
  if (o == parse_outcome::complete) o = parse_body(have.substr(head), p, r, 4096, body);
  used = head + body;
  return o;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const router paths({"/v1/kv/", "/v1/txn", "/v1/agent/self"});
  request whole, pieces;
  parse_progress a, b;
  size_t used_a = 0, used_b = 0;
  auto first = step(text, a, whole, used_a);
  auto second = step(text.substr(0, data[0] % text.size()), b, pieces, used_b);
  if (second == parse_outcome::incomplete) second = step(text, b, pieces, used_b);
  if (first != second || b.examined > 6 * text.size() + 64) std::abort();
  if (first != parse_outcome::complete) return 0;
  if (used_a != used_b || whole.body != pieces.body || whole.path != pieces.path || used_a > text.size()) std::abort();
  auto m = paths.match(whole.path);
  if (m.what == route_match::kind::redirect && needs_cleaning(m.location)) std::abort();
  (void)printable(whole.path);
  return 0;
}
