#ifndef LOSSD_SERVER_PROCESS_STANDARD_STREAMS_H_
#define LOSSD_SERVER_PROCESS_STANDARD_STREAMS_H_

namespace lossd {

// Opens /dev/null in the place of each of stdin, stdout and stderr that the process was started
// without. Otherwise the next descriptor has that number, and what is written to stderr goes to a
// client or wakes a thread. Libraries open some before main(): then the program is started anew,
// with `arguments`, which are main()'s. Call it before anything is opened.
void OpenClosedStreams(char* const* arguments);

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_STANDARD_STREAMS_H_
