#include "runtime/net/household.hpp"
#include <doctest/doctest.h>

using actord::net::household_of;
using actord::net::household_of_bytes;

TEST_CASE("a household is an address of IPv4 and the first 64 bits of one of IPv6") {
  CHECK(household_of("10.1.2.3") == "10.1.2.3");
  CHECK(household_of("::ffff:10.1.2.3") == "10.1.2.3");
  CHECK(household_of("2001:db8:1:2::1") == "2001:db8:1:2::/64");
  CHECK(household_of("2001:db8:1:2:ffff:ffff:ffff:ffff") == household_of("2001:db8:1:2::1"));
  CHECK(household_of("2001:db8:1:3::1") != household_of("2001:db8:1:2::1"));
  CHECK(household_of("fe80::1%eth0") == "fe80::/64%eth0");
  CHECK(household_of("fe80::2%eth1") != household_of("fe80::1%eth0"));
  CHECK(household_of("") == "");
  CHECK(household_of("not:an:address") == "not:an:address");
}

TEST_CASE("the same of the bytes") {
  const std::string four("\x0a\x01\x02\x03", 4), mapped = std::string(10, '\0') + "\xff\xff" + four;
  CHECK(household_of_bytes(four) == four);
  CHECK(household_of_bytes(mapped) == four);
  const std::string a("\x20\x01\x0d\xb8\0\x01\0\x02\0\0\0\0\0\0\0\x01", 16), b("\x20\x01\x0d\xb8\0\x01\0\x02\x09\x09\x09\x09\x09\x09\x09\x09", 16);
  CHECK(household_of_bytes(a) == household_of_bytes(b));
  CHECK(household_of_bytes(a).size() == 8);
}
