// Coordinates as they are stored and sent: any number of dimensions, until somebody has looked.
#pragma once
#include "actors/coordinate/core/types.hpp"
#include "runtime/base/error.hpp"
#include "storage/model/coordinate.hpp"

namespace actord::coordinate {

coordinate_vector to_record(const coordinate& c);
// bad_request for other dimensions than ours, or what is no finite number.
result<coordinate> from_record(const coordinate_vector& v);

} // namespace actord::coordinate
