// Bytes of a connection to requests, bounded. It looks at a contiguous buffer that starts with a request and grows;
// nothing is copied but decoded text. Behaves as Go's net/http server does (bare LF ends a line; the same refusals with
// the same texts), except that folded header lines are refused.
#pragma once
#include "api/http/core/request.hpp"
#include <cstddef>
#include <optional>

namespace actord::http {

inline constexpr size_t max_head_bytes = (1 << 20) + 4096; // request line and headers, as Go

enum class parse_outcome : uint8_t {
  incomplete, // more bytes are needed
  complete,
  failed,     // answer with `refusal` and close
  too_large,  // the body is over the limit
};

// Where the parser stands with the request at the beginning of the buffer; all zero for a new one.
struct parse_progress {
  size_t scanned = 0;     // no end of the head before here
  size_t chunk_at = 0;    // in the body: where the next chunk's size line begins
  size_t chunk_total = 0; // bytes of the chunks before that
};

struct refusal {
  int status = 400;
  std::string_view text; // what follows "400 Bad Request", e.g. ": invalid header name"; for 501 the body
};

// Parses the head and fills everything in `r` but the body. `head_length` is set when complete.
parse_outcome parse_head(std::string_view buffer, parse_progress& p, request& r, size_t& head_length, refusal& why);
// Parses the body behind the head of which `r` is. `body_length` (bytes used) is set when complete. Needs no more than
// `limit` bytes of content.
parse_outcome parse_body(std::string_view buffer, parse_progress& p, request& r, uint64_t limit, size_t& body_length);

} // namespace actord::http
