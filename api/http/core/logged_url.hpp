// A request's URL as it goes into the log: without what is secret in it, as Consul hides it.
#pragma once
#include <string>
#include <string_view>

namespace actord::http {

// `target` as sent. What follows `token=` is hidden, and wherever else a token of the query stands; so is the identifier behind the
// old ACL paths (/v1/acl/info/…), which is the token itself there. Bytes that do not belong into a path are escaped.
std::string logged_url(std::string_view target);

} // namespace actord::http
