// Paths and query strings by Go's rules (net/url, net/http's mux): decoding, cleaning, printable characters.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord::http {

// Percent-decodes a path into `out` (overwritten). False on a bad escape.
bool decode_path(std::string_view encoded, std::string& out);
// Encodes a path as Go's URL.String does.
std::string encode_path(std::string_view path);
// Splits "a=1&b=2" and decodes; values that need no decoding stay views into `query`, others go to `arena`
// (overwritten; it must outlive `params`). False when something did not decode; the rest is still there.
bool parse_query(std::string_view query, std::vector<std::pair<std::string_view, std::string_view>>& params, std::string& arena);

// True when Go's mux would redirect: "//", "/./", "/../" or such an ending in the path.
bool needs_cleaning(std::string_view path);
std::string clean_path(std::string_view path);
// False when the path has a character that Go's unicode.IsPrint refuses (by block, for those outside Latin-1).
bool printable(std::string_view path);
// `&`, `<`, `>`, `"`, `'` as entities, for the body of a redirect.
std::string escape_html(std::string_view text);

} // namespace actord::http
