#ifndef LOSSD_SERVER_RPC_ERRORS_NUMBER_TEXT_H_
#define LOSSD_SERVER_RPC_ERRORS_NUMBER_TEXT_H_

#include <string>

namespace lossd::rpc {

// Returns the shortest decimal text that reads back as `value`: "0.99999999", "inf", "nan". A value
// just outside a range is so not printed as the range's end.
std::string NumberText(double value);

// Returns the shortest text of a float: "0.1", not "0.10000000149011612".
std::string NumberText(float value);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_NUMBER_TEXT_H_
