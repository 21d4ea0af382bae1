// Bytes of a connection to requests, bounded. It looks at a contiguous buffer that starts with a request and grows;
// nothing is copied but decoded text. Behaves as Go's net/http server does (bare LF ends a line; the same refusals with
// the same texts), except that folded header lines are refused. Time is linear in the bytes however they are split: a head is
// parsed when it is whole and once more when its body is; what does not end a line or a chunk is not looked at again.
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
  size_t line_at = 0;     // of the head: where its last line begins
  size_t scanned = 0;     // and up to where that has no end
  size_t head = 0;        // the head's length, once it was whole
  // Of the body, in bytes behind the head:
  bool chunked = false, in_trailer = false;
  uint64_t length = 0;    // as announced
  uint64_t limit = 0;
  size_t chunk_at = 0;    // where the next chunk's size line begins, or the trailer's next line
  size_t chunk_scanned = 0; // that line has no end before here
  size_t chunk_end = 0;   // of the chunk that is coming in; 0: its size is not known
  size_t chunk_total = 0; // bytes of the chunks before that
  size_t trailer_at = 0;
  int64_t overhead = 0;   // what is no content, beyond what is let through with it
  parse_outcome settled = parse_outcome::incomplete; // what the chunks came to
  std::string_view why;   // what was wrong with the body, in Go's words
  uint64_t examined = 0;  // bytes looked at, for the test that they are few
};

struct refusal {
  int status = 400;
  std::string_view text; // what follows "400 Bad Request", e.g. ": invalid header name"; for 501 the body
};

// Parses the head and fills everything in `r` but the body. `head_length` is set when complete.
parse_outcome parse_head(std::string_view buffer, parse_progress& p, request& r, size_t& head_length, refusal& why);
// True while the body behind the head that parse_head found is known not to be whole: there is nothing to parse then.
bool awaits_body(std::string_view buffer, parse_progress& p);
// Parses the body behind the head of which `r` is. `body_length` (bytes used) is set when complete. Needs no more than
// `limit` bytes of content.
parse_outcome parse_body(std::string_view buffer, parse_progress& p, request& r, uint64_t limit, size_t& body_length);

} // namespace actord::http
