name(hdt).
version('0.5.2').
% TODO: swipl_version([90121]).
title('Access RDF HDT files').
author( 'Jan Wielemaker', 'jan@example.com' ).
requires(rocksdb >= '0.9').
