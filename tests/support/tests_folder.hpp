// Where the recorded answers and the fixtures of the tests are. Defined once, so that no other object depends on the path of the checkout.
#pragma once
#include <string>

namespace actord::test {

std::string tests_folder();

} // namespace actord::test
