// A query string as a client sends it, with a Cache-Control header made of the same bytes.
#include "api/http/core/query_options.hpp"
#include "api/http/core/uri.hpp"

using namespace actord::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  request r;
  r.headers = {{"Cache-Control", text}, {"Authorization", text}};
  parse_query(text, r.params, r.arena);
  query_options o;
  response out;
  if (!parse_query_options(r, o, out) && out.status != 400) __builtin_trap();
  return 0;
}
