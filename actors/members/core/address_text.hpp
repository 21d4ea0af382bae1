// Addresses as people and files write them: 127.0.0.1:8301, [::1]:8301. An IPv4 address in sixteen bytes is written as IPv4.
#pragma once
#include "actors/members/core/types.hpp"
#include <string_view>

namespace actord::members {

std::string ip_text(std::string_view ip); // "" unless it has 4 or 16 bytes
std::string address_text(const address& a);
// An IP literal and a port; no name is resolved. IPv4 gives four bytes.
std::optional<address> parse_address(std::string_view text);

} // namespace actord::members
