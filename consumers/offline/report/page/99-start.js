'use strict';
Report.start();
