// Bytes of an HTTP answer: whole and split at a place that the input chooses must come to the same end.
#include "runtime/net/http_exchange.hpp"
#include <cstdlib>

using actord::net::http_exchange;

namespace {
struct outcome {
  bool ok = false, done = false;
  size_t used = 0;
  std::string body;
  bool operator==(const outcome&) const = default;
};

outcome run(std::string_view first, std::string_view second, bool no_body) {
  http_exchange x({.max_header_bytes = 4096, .max_body_bytes = 1000, .no_body = no_body, .on_body = {}});
  outcome o;
  for (auto piece : {first, second}) {
    auto used = x.feed(piece);
    if (!used) return o;
    o.used += *used;
  }
  if (x.body().size() > 1000) std::abort();
  o.ok = x.finish().ok();
  o.done = x.done();
  o.body = x.take_body();
  return o;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 2) return 0;
  std::string_view text(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  size_t cut = text.empty() ? 0 : bytes[0] % text.size();
  bool no_body = bytes[1] % 8 == 0;
  auto whole = run(text, {}, no_body);
  auto split = run(text.substr(0, cut), text.substr(cut), no_body);
  if (whole.ok != split.ok || (whole.ok && whole != split)) std::abort();
  actord::net::parse_http_url(text).ok();
  return 0;
}
